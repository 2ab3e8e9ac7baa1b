// Tells the members of a command's result union apart: done, pending, or refused.

/** The fields of the interface `Refusal`, which every refusal implements. */
export type Refusal = {
  readonly code: string
  readonly message: string
  /**
   * The part of the input that it is about, such as `['input', 'lines', '0', 'sku']`; null when it is about no single one.
   */
  readonly path?: readonly string[] | null
}

type RefusalIn<T> = Extract<T, { readonly code: string; readonly message: string }>
type PendingIn<T> = Extract<T, { readonly __typename: `${string}Pending` }>

/** The outcome of a command. `pending` was accepted and has not ended: follow it by a subscription. */
export type Outcome<T> =
  | { readonly kind: 'done'; readonly value: Exclude<T, RefusalIn<T> | PendingIn<T>> }
  | { readonly kind: 'pending'; readonly value: PendingIn<T> }
  | { readonly kind: 'refused'; readonly refusal: RefusalIn<T> }

/** Narrows a result to its refusals. The operation selects `... on Refusal { code message }`. */
export function isRefusal<T>(result: T): result is RefusalIn<T> {
  return (
    typeof result === 'object' &&
    result !== null &&
    'code' in result &&
    typeof result.code === 'string' &&
    'message' in result &&
    typeof result.message === 'string'
  )
}

/** Narrows a result to its pending members, those whose type ends with `Pending`. The operation selects `__typename`. */
export function isPending<T>(result: T): result is PendingIn<T> {
  return (
    typeof result === 'object' &&
    result !== null &&
    '__typename' in result &&
    String(result.__typename).endsWith('Pending')
  )
}

/** Sorts a result into done, pending or refused, for a `switch` that the compiler checks. */
export function outcomeOf<T>(result: T): Outcome<T> {
  if (isRefusal(result)) return { kind: 'refused', refusal: result }
  if (isPending(result)) return { kind: 'pending', value: result }
  return { kind: 'done', value: result as Exclude<T, RefusalIn<T> | PendingIn<T>> }
}

/** Returns whether a refusal is about the input at `path` or inside of it, so that a form can show it there. */
export function isAbout({ path }: Refusal, ...at: readonly (string | number)[]): boolean {
  return path != null && at.every((step, index) => path[index] === String(step))
}
