// Get a token and call the API, with openid-client, which repeats a request for a nonce by itself.
import * as openid from 'openid-client'
import { serve } from './client.mjs'

await serve(async ({ task, fetch, changeProof }, got) => {
  const authentication = openid.ClientSecretBasic(task.secret)
  const config = await openid.discovery(new URL(task.issuer), task.client, undefined, authentication, {
    algorithm: 'oauth2',
    execute: [openid.allowInsecureRequests],
    [openid.customFetch]: fetch,
  })
  const options = {}
  if (task.bound) {
    const key = await openid.randomDPoPKeyPair(task.algorithm)
    options.DPoP = openid.getDPoPHandle(config, key, { [openid.modifyAssertion]: changeProof })
  }
  const parameters = { scope: task.scope }
  const token = task.token ?? (await openid.clientCredentialsGrant(config, parameters, options)).access_token
  got(token)
  await openid.fetchProtectedResource(config, token, new URL(task.url), 'GET', undefined, undefined, options)
})
