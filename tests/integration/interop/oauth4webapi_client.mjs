// Get a token and call the API, with oauth4webapi, which leaves the repetition for a nonce to its caller.
import * as oauth from 'oauth4webapi'
import { serve } from './client.mjs'

async function withNonce(ask) {
  try {
    return await ask()
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error
    return await ask()
  }
}

await serve(async ({ task, fetch, changeProof }, got) => {
  const options = { [oauth.allowInsecureRequests]: true, [oauth.customFetch]: fetch }
  const issuer = new URL(task.issuer)
  const client = { client_id: task.client }
  const discovery = await oauth.discoveryRequest(issuer, { ...options, algorithm: 'oauth2' })
  const server = await oauth.processDiscoveryResponse(issuer, discovery)
  if (task.bound) {
    const key = await oauth.generateKeyPair(task.algorithm, { extractable: false })
    options.DPoP = oauth.DPoP(client, key, { [oauth.modifyAssertion]: changeProof })
  }

  async function newToken() {
    const authentication = oauth.ClientSecretBasic(task.secret)
    const parameters = { scope: task.scope }
    const answer = await oauth.clientCredentialsGrantRequest(server, client, authentication, parameters, options)
    return (await oauth.processClientCredentialsResponse(server, client, answer)).access_token
  }

  const token = task.token ?? (await withNonce(newToken))
  got(token)
  await withNonce(() => oauth.protectedResourceRequest(token, 'GET', new URL(task.url), undefined, undefined, options))
})
