// DPoP (RFC 9449) with a key of the browser. The private key cannot be exported: `extractable` is false.
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' }

export const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')

export const digest = async (text) => base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))

export const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)))

export const makeKey = () => crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify'])

/** Make a proof for one request: the value of the field `DPoP`. */
export async function makeProof(key, method, url, { token, nonce } = {}) {
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', key.publicKey)
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } }
  const claims = { jti: random(), htm: method, htu: url, iat: Math.floor(Date.now() / 1000), nonce }
  if (token) claims.ath = await digest(token)
  const parts = [header, claims].map((part) => base64url(new TextEncoder().encode(JSON.stringify(part))))
  const signed = new TextEncoder().encode(parts.join('.'))
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key.privateKey, signed)
  return [...parts, base64url(signature)].join('.')
}

/** Call an API with a bound token. If the API demands a nonce, call `told` and send the request once more. */
export async function fetchWithProof(url, token, key, nonces, told = () => {}) {
  for (let attempt = 1; ; attempt += 1) {
    const proof = await makeProof(key, 'GET', url, { token, nonce: nonces.api })
    const response = await fetch(url, { headers: { Authorization: `DPoP ${token}`, DPoP: proof } })
    nonces.api = response.headers.get('DPoP-Nonce') ?? nonces.api
    const challenge = response.headers.get('WWW-Authenticate') ?? ''
    if (attempt === 2 || !challenge.includes('use_dpop_nonce')) return { response, proof }
    told(response.status, (await response.json()).reason)
  }
}
