// oidc-provider on two free ports of loopback, one without TLS and one with TLS that requests a client certificate.
// The settings come in SETTINGS, as JSON. When the server listens, it prints its addresses as one line. It ends when
// its standard input ends.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { exportJWK, generateKeyPair } from 'jose'
import Provider from 'oidc-provider'

const { audience, clients, guard, secret, tls } = JSON.parse(process.env.SETTINGS)
const scope = 'user:read user:write'

async function signingKey(alg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: alg }
}

function client(id, more) {
  return {
    client_id: id,
    client_secret: secret,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: 'client_secret_basic',
    ...more,
  }
}

async function portOf(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server.address().port
}

const server = createServer()
const tlsServer = createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: false })
const issuer = `http://127.0.0.1:${await portOf(server)}`
const tlsUrl = `https://127.0.0.1:${await portOf(tlsServer)}`

const provider = new Provider(issuer, {
  clients: [
    ...Object.keys(clients).map((id) => client(id, { tls_client_certificate_bound_access_tokens: id.startsWith('tls-') })),
    client(guard, { grant_types: [], introspection_signed_response_alg: 'ES256' }),
  ],
  jwks: { keys: await Promise.all(['ES256', 'RS256'].map(signingKey)) },
  scopes: scope.split(' '),
  enabledJWA: { dPoPSigningAlgValues: ['ES256', 'Ed25519', 'RS256', 'PS256'] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
    jwtIntrospection: { enabled: true },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      getCertificate: (ctx) => ctx.socket.getPeerX509Certificate?.()?.toString(),
    },
    introspection: { enabled: true, allowedPolicy: (ctx, asking) => asking.clientId === guard },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      getResourceServerInfo: (ctx, resource, asking) => ({
        audience,
        scope,
        accessTokenTTL: 300,
        accessTokenFormat: clients[asking.clientId],
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
})
provider.on('server_error', (ctx, error) => console.error(error))
for (const each of [server, tlsServer]) each.on('request', provider.callback())
console.log(JSON.stringify({ issuer, tls_url: tlsUrl }))
process.stdin.resume().on('end', () => process.exit())
