// The client: authorization code flow with PKCE. The token and the key are only in the memory of this page.
import { digest, fetchWithProof, makeKey, makeProof, random } from './dpop.js'
import { steal } from './thief.js'

const { issuer, client } = document.body.dataset
const home = `${location.origin}/`
const api = `${location.origin}/v1/user/profile`
const element = (id) => document.getElementById(id)
const held = { token: null, key: null, proof: null, nonces: {} }

function show(list, what, { status, reason, text }) {
  const [line, badge] = [document.createElement('li'), document.createElement('span')]
  badge.className = `badge ${status === 200 ? 'done' : 'refused'}`
  badge.textContent = status ? `${status} ${reason ?? 'OK'}` : reason
  line.append(badge, ` ${what}${text ? `: ${text}` : ''}`)
  element(list).append(line)
}

async function connect() {
  const flow = { state: random(), verifier: random(), bind: element('bind').checked }
  sessionStorage.setItem('flow', JSON.stringify(flow))
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: client,
    redirect_uri: home,
    scope: 'user:read',
    state: flow.state,
    code_challenge: await digest(flow.verifier),
    code_challenge_method: 'S256',
  })
  location.assign(`${issuer}/authorize?${query}`)
}

async function comeBack(answer) {
  const flow = JSON.parse(sessionStorage.getItem('flow') ?? '{}')
  sessionStorage.removeItem('flow')
  history.replaceState(null, '', home)
  if (!flow.state || answer.get('state') !== flow.state || answer.get('iss') !== issuer) throw new Error('This answer is not for this page.')
  if (!answer.has('code')) throw new Error(`There is no token: ${answer.get('error')}.`)
  const endpoint = `${issuer}/token`
  const headers = {}
  if (flow.bind) {
    held.key = await makeKey()
    headers.DPoP = await makeProof(held.key, 'POST', endpoint)
  }
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    code: answer.get('code'),
    client_id: client,
    redirect_uri: home,
    code_verifier: flow.verifier,
  })
  const response = await fetch(endpoint, { method: 'POST', headers, body })
  const issued = await response.json()
  if (!response.ok) throw new Error(`There is no token: ${issued.error}.`)
  // RFC 9449 §5: another type means that the server did not bind the token.
  if (issued.token_type !== (flow.bind ? 'DPoP' : 'Bearer')) throw new Error('The token is of another type.')
  held.token = issued.access_token
  element('kind').textContent = flow.bind ? 'bound to this browser' : 'bearer token'
  element('token').textContent = `${held.token.slice(0, 12)}…`
  element('key').textContent = flow.bind ? 'ECDSA P-256, not extractable' : 'none'
  element('begin').hidden = true
  element('client').hidden = element('thief').hidden = false
}

async function read() {
  let response
  if (held.key) {
    const told = (status, reason) => show('calls', 'The API demands a nonce', { status, reason })
    ;({ response, proof: held.proof } = await fetchWithProof(api, held.token, held.key, held.nonces, told))
  } else response = await fetch(api, { headers: { Authorization: `Bearer ${held.token}` } })
  const { reason, id } = await response.json()
  show('calls', 'The client reads the profile', { status: response.status, reason, text: id })
}

/** Show an error of an action on the page. */
const reporting = (action) => async () => {
  try {
    await action()
  } catch (error) {
    element('fault').textContent = error.message
    element('fault').hidden = element('begin').hidden = false
  }
}

element('connect').addEventListener('click', reporting(connect))
element('read').addEventListener('click', reporting(read))
element('steal').addEventListener(
  'click',
  reporting(async () => {
    if (held.key && !held.proof) await read() // the thief records a request of the client
    await steal(api, held, (what, outcome) => show('attempts', what, outcome))
  }),
)
const answer = new URLSearchParams(location.search)
if (answer.has('state')) await reporting(() => comeBack(answer))()
