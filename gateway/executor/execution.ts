// One operation under way: what it knows of its caller, what it has got so far, what went wrong. Types and small helpers.

export type PathKey = string | number
/** An error as it goes into the answer. */
export type ExecutionError = {
  message: string
  path?: PathKey[]
  extensions: Record<string, unknown>
}

export type JsonObject = { [key: string]: unknown }

/** A subgraph's answer, parsed, for this execution alone: it is merged in place. */
export type SubgraphResponse = {
  readonly data?: JsonObject | null
  readonly errors?: readonly unknown[]
}

/** Lists and objects; what has been written of one, by what wrote it. */
export type SharedValues = Map<unknown, Map<unknown, string> | undefined>

export type SubgraphRequest = {
  readonly service: string
  /** The whole body, as JSON. Equal bodies to one service in the name of one caller are one request. */
  readonly body: string
  readonly operation: string
  readonly kind: 'query' | 'mutation' | 'subscription'
}

export type Execution = {
  readonly data: JsonObject
  readonly errors: ExecutionError[]
  /** Coerced; absent where the caller gave none and there is no default. */
  readonly variables: Readonly<Record<string, unknown>>
  /** What stands in several places of `data`, since several objects got the same entity; none when left out. */
  shared?: SharedValues
  /** Never rejects: a fetch that fails is an answer with errors. */
  fetch(request: SubgraphRequest): Promise<SubgraphResponse>
}
