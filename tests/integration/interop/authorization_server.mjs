// oidc-provider on a free port of loopback. The settings come in SETTINGS, as JSON. When the server listens, it
// prints its metadata as one line. It ends when its standard input ends.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import Provider from 'oidc-provider'

const { audience, clients, guard, secret } = JSON.parse(process.env.SETTINGS)
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

const server = createServer().listen(0, '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
const issuer = `http://127.0.0.1:${server.address().port}`

const provider = new Provider(issuer, {
  clients: [...Object.keys(clients).map((id) => client(id)), client(guard, { grant_types: [] })],
  jwks: { keys: await Promise.all(['ES256', 'RS256'].map(signingKey)) },
  scopes: scope.split(' '),
  enabledJWA: { dPoPSigningAlgValues: ['ES256', 'Ed25519', 'RS256', 'PS256'] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
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
server.on('request', provider.callback())
console.log(JSON.stringify({ issuer }))
process.stdin.resume().on('end', () => process.exit())
