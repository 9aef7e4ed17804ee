// What the two clients share: each line of the standard input is a task, and each line of the output what happened.
import { createInterface } from 'node:readline'

/** One task, and what went over the wire for it. */
class Work {
  exchanges = []

  constructor(task) {
    this.task = task
  }

  /** Send a request as `fetch` does, and write down what goes over the wire. */
  fetch = async (url, options) => {
    const response = await fetch(url, options)
    this.exchanges.push({
      url,
      method: options.method,
      sent: Object.fromEntries(new Headers(options.headers)),
      status: response.status,
      received: Object.fromEntries(response.headers),
      body: await response.clone().text(),
    })
    return response
  }

  /** Change the claims of the proofs for the API as the task says; those for the token endpoint have no `ath`. */
  changeProof = (header, claims) => {
    if (claims.ath) Object.assign(claims, this.task.claims)
  }
}

/** Do the tasks, one after the other. `run` gets a token, calls `got` with it, and calls the API. */
export async function serve(run) {
  for await (const line of createInterface({ input: process.stdin })) {
    const work = new Work(JSON.parse(line))
    let token = null
    let challenges = []
    let failure = null
    try {
      await run(work, (got) => (token = got))
    } catch (error) {
      // Both libraries throw the challenges that they read in a 401.
      if (Array.isArray(error.cause)) challenges = error.cause.map(({ scheme, parameters }) => ({ scheme, ...parameters }))
      else failure = String(error)
    }
    console.log(JSON.stringify({ token, exchanges: work.exchanges, challenges, failure }))
  }
}
