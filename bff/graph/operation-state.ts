// Keeps what the resolvers of one operation know about a parent, beside the parent itself: that may be a shared cached
// value.
import type { RequestContext } from '#platform/graphql/context.ts'

/** Returns a function that returns the state of a parent in an operation, made at its first use. */
export function stateByParent<State>(make: () => State): (context: RequestContext, parent: object) => State {
  const operations = new WeakMap<RequestContext, WeakMap<object, State>>()
  return (context, parent) => {
    const states = operations.get(context) ?? new WeakMap<object, State>()
    if (!operations.has(context)) operations.set(context, states)
    const known = states.get(parent)
    if (known !== undefined) return known
    const state = make()
    states.set(parent, state)
    return state
  }
}
