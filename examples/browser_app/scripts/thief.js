// The thief has the token, the last proof, and a handle of the key, as a script in the page would have.
import { fetchWithProof, makeKey } from './dpop.js'

async function attempt(url, headers) {
  const response = await fetch(url, { headers })
  const { reason, id } = await response.json()
  return { status: response.status, reason, text: id }
}

async function exportKey(key) {
  try {
    await crypto.subtle.exportKey('jwk', key.privateKey)
    return { status: 200 }
  } catch (error) {
    return { reason: error.name }
  }
}

/** Try everything, and report each outcome. */
export async function steal(url, { token, proof, key, nonces }, report) {
  report('Send it as a bearer token', await attempt(url, { Authorization: `Bearer ${token}` }))
  if (!key) return
  const bound = { Authorization: `DPoP ${token}` }
  report('Send it without a proof', await attempt(url, bound))
  report('Repeat the recorded request', await attempt(url, { ...bound, DPoP: proof }))
  const { response } = await fetchWithProof(url, token, await makeKey(), { ...nonces })
  const { reason } = await response.json()
  report('Make a proof with another key', { status: response.status, reason })
  report('Copy the key of the browser', await exportKey(key))
}
