// A front end's session: one caller at one graph, whose queries see what its commands did. Free of any operation.
import { formatToken, mergeTokens, parseToken } from '#platform/graphql/consistency.ts'
import type { ServiceName } from '#start/layout.ts'
import type { GraphqlReply, Graphs } from '#test/platform.ts'

export type Browser = {
  send<T>(query: string, variables?: object): Promise<GraphqlReply<T>>
  /** The data of an operation that must have no errors. */
  ask<T>(query: string, variables?: object): Promise<T>
  /** The code of the first error; undefined when there is none. */
  codeOf(query: string, variables?: object): Promise<string | undefined>
}

/** An anonymous one without a `token`. */
export function openBrowser(graphs: Graphs, service: ServiceName, token?: string): Browser {
  let reached = {}
  async function send<T>(query: string, variables: object = {}): Promise<GraphqlReply<T>> {
    const headers = { 'waybill-consistency': formatToken(reached) }
    const reply = await graphs.send<T>(service, token, query, variables, headers)
    const told = reply.headers.get('waybill-consistency') ?? undefined
    reached = mergeTokens(reached, parseToken(told))
    return reply
  }
  return {
    send,
    async ask<T>(query: string, variables?: object) {
      const { data, errors } = await send<T>(query, variables)
      if (errors) throw new Error(errors.map(({ message }) => message).join('; '))
      return data
    },
    async codeOf(query, variables) {
      return (await send(query, variables)).errors?.[0]?.extensions.code
    },
  }
}
