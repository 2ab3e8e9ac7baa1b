// Sends automatic persisted queries to a subgraph: the hash of a document, and its text when the hash is not known.
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { HttpResponse, InstanceConnection, OutgoingRequest } from '#gateway/transport/connection.ts'
import { isObject, parseJson } from '#platform/domain/json.ts'

/** The most documents whose hashes are remembered. */
const MAX_DOCUMENTS = 5000
/** How long a subgraph that does not support hashes is sent texts. */
const UNSUPPORTED_MS = 60_000
/** A longer response is not a refusal of a hash. */
const MAX_REFUSAL = 4096

type DocumentHash = {
  /** The beginning of a body with the text. */
  readonly text: string
  /** The member that replaces the text in a body. */
  readonly extensions: string
}

/**
 * Follows Apollo's protocol over POST. A mutation is safe: without its text the subgraph has not executed it. The subgraph
 * must know the protocol, if only to reply that it does not support it.
 */
export function withPersistedQueries(
  connection: InstanceConnection,
  now: () => number = () => performance.now(),
): InstanceConnection {
  const documents = new LRUCache<string, DocumentHash>({ max: MAX_DOCUMENTS })
  let textUntil = Number.NEGATIVE_INFINITY

  function hashOf(document: string): DocumentHash {
    const found = documents.get(document)
    if (found) return found
    const sha256Hash = hash('sha256', document)
    const made = {
      text: `{"query":${JSON.stringify(document)}`,
      extensions: `"extensions":${JSON.stringify({ persistedQuery: { version: 1, sha256Hash } })}`,
    }
    documents.set(document, made)
    return made
  }

  return {
    ...connection,
    async send(outgoing: OutgoingRequest): Promise<HttpResponse> {
      if (now() < textUntil) return connection.send(outgoing)
      const { text, extensions } = hashOf(outgoing.operation)
      if (!outgoing.body.startsWith(text)) return connection.send(outgoing)
      const rest = outgoing.body.slice(text.length)
      const received = await connection.send({ ...outgoing, body: `{${extensions}${rest}` })
      const refusal = refusalOf(received)
      if (refusal === undefined) return received
      if (refusal === 'not found')
        return connection.send({ ...outgoing, body: `${text},${extensions}${rest}` })
      textUntil = now() + UNSUPPORTED_MS
      return connection.send(outgoing)
    },
  }
}

type Refusal = 'not found' | 'not supported'

const REFUSALS: ReadonlyMap<unknown, Refusal> = new Map([
  ['PersistedQueryNotFound', 'not found'],
  ['PERSISTED_QUERY_NOT_FOUND', 'not found'],
  ['PersistedQueryNotSupported', 'not supported'],
  ['PERSISTED_QUERY_NOT_SUPPORTED', 'not supported'],
])

function refusalOf({ text }: HttpResponse): Refusal | undefined {
  if (text.length > MAX_REFUSAL || !/PERSISTED_?QUERY_?NOT/i.test(text)) return undefined
  const answer = parseJson(text)
  if (!isObject(answer) || !Array.isArray(answer.errors)) return undefined
  for (const error of answer.errors) {
    if (!isObject(error)) continue
    const code = isObject(error.extensions) ? error.extensions.code : undefined
    const refusal = REFUSALS.get(code) ?? REFUSALS.get(error.message)
    if (refusal) return refusal
  }
  return undefined
}
