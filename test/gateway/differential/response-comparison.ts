// Compares two responses: they agree when their data is equal and the same nulls have an error.
import { isObject } from '#platform/domain/json.ts'
import type { Answered } from '#test/gateway/conformance/in-process-federation.ts'

/**
 * Returns the paths in the data that a response's errors explain, as text: an error may name a field that its own null has
 * taken away with the object around it, so what counts is the null that the client sees. An error at a place that the
 * operation does not select (a field fetched for another's sake) explains none.
 */
export function explained({ data, errors = [] }: Answered): readonly string[] {
  const places = errors.flatMap(({ path }) => {
    const place = path && nullOn(data, path)
    return place === undefined ? [] : [place]
  })
  return [...new Set(places)].sort()
}

/** Matches the errors of graphql-js and Apollo's gateway for a value that the public graph's enum lacks. */
const OF_HIDDEN = /^Enum "\w+" cannot represent value|^Invalid value found for field /

/** Removes errors about hidden enum values that are null at their own path, which our gateway does not report. */
export function withoutHidden({ data, errors }: Answered): Answered {
  const told = errors?.filter(
    ({ message, path = [] }) => !OF_HIDDEN.test(message) || nullOn(data, path) !== `/${path.join('/')}`,
  )
  return { data, ...(told?.length && { errors: told }) }
}

function nullOn(data: unknown, path: readonly (string | number)[]): string | undefined {
  let value = data
  for (let depth = 0; ; depth++) {
    if (value === null) return `/${path.slice(0, depth).join('/')}`
    const key = path[depth]
    if (key === undefined) return undefined
    if (Array.isArray(value)) value = value[Number(key)]
    else if (isObject(value)) value = Object.hasOwn(value, key) ? value[key] : undefined
    else return undefined
  }
}
