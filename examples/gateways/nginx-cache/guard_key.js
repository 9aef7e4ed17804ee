// The key under which nginx caches a grant: a digest of everything that can change the answer. nginx writes the key to disk, so it must not contain the token.

import crypto from 'crypto';

function key(r) {
    const v = r.variables;
    const parts = [
        v.request_method, v.scheme, v.http_host, v.request_uri, v.http_authorization,
        v.http_x_http_method_override, v.http_x_http_method, v.http_x_method_override,
    ];
    const hash = crypto.createHash('sha256');
    parts.forEach(part => hash.update((part || '') + '\n'));
    return hash.digest('hex');
}

export default { key };
