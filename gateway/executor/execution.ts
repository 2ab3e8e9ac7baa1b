// Defines an execution of an operation: its variables, the data and errors so far, and how it fetches from subgraphs.

export type PathKey = string | number
/** An error as it is written to the response. */
export type ExecutionError = {
  message: string
  path?: PathKey[]
  extensions: Record<string, unknown>
}

export type JsonObject = { [key: string]: unknown }

/** A parsed response of a subgraph. It belongs to this execution, which merges it in place. */
export type SubgraphResponse = {
  readonly data?: JsonObject | null
  readonly errors?: readonly unknown[]
}

/** The text written for a list or object, by the function that wrote it. */
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
  /** The coerced values; those without value and default are absent. */
  readonly variables: Readonly<Record<string, unknown>>
  /** Objects that stand at several positions of `data`, since several entities were the same; undefined when there are none. */
  shared?: SharedValues
  /** Never rejects: a fetch that fails resolves with errors. */
  fetch(request: SubgraphRequest): Promise<SubgraphResponse>
}

/** The completion of an execution: its data is written as text, and what is wrong with it is added to `errors`. */
export type Completion = Pick<Execution, 'errors' | 'variables' | 'shared'>

/** Returns the text of a value; undefined for a null where null is not allowed, which nulls the parent. */
export type WriteValue = (value: unknown, completion: Completion) => string | undefined
