import { OperationTypeNode } from 'graphql'
import { expect, test } from 'vitest'
import { createAdmission, underAdmission } from '#gateway/pipeline/admission.ts'
import type { FormatError, GatewayResponse } from '#gateway/pipeline/response.ts'
import { DEFAULT_COST } from '#gateway/safety/settings.ts'
import { createOverloadGuard } from '#platform/resilience/overload-guard.ts'

const format: FormatError = ({ message, extensions }) => ({ message, extensions: { ...extensions } })
const SERVED: GatewayResponse = {
  text: '{"data":{}}',
  outcome: 'ok',
  name: undefined,
  kind: OperationTypeNode.QUERY,
}
const CLIENT = { headers: {}, address: undefined, subject: 'ann' }
const COMMAND = { client: CLIENT, isForwarded: false, kind: 'mutation', format } as const

/** Creates an admission with room for one operation of each kind, and for none once a queue has lasted. */
function narrowAdmission() {
  const clock = { now: 0 }
  const bounds = { floor: 1, initial: 1, ceiling: 1 }
  const guard = createOverloadGuard('gateway', { bounds, now: () => clock.now })
  return { clock, admission: createAdmission({ cost: DEFAULT_COST, rateLimit: () => undefined, guard }) }
}

test('refuses an operation before it is read when too many run, with 503 and Retry-After', async () => {
  const { clock, admission } = narrowAdmission()
  const { promise, resolve } = Promise.withResolvers<GatewayResponse>()
  const begun = [0, 1, 2, 3].map(() => underAdmission(admission, COMMAND, () => promise))
  clock.now = 600
  let isRead = false
  const refused = await underAdmission(admission, COMMAND, async () => {
    isRead = true
    return SERVED
  })
  expect(isRead).toBe(false)
  expect(refused).toMatchObject({ outcome: 'refused', status: 503 })
  const { errors } = JSON.parse(refused.text)
  const retryAfterSeconds = Number(refused.headers?.['retry-after'])
  expect(errors[0].extensions).toEqual({ code: 'UNAVAILABLE', reason: 'OVERLOADED', retryAfterSeconds })

  const query = await underAdmission(admission, { ...COMMAND, kind: 'query' }, async () => SERVED)
  expect(query).toEqual(SERVED)
  resolve(SERVED)
  expect(await Promise.all(begun)).toEqual([SERVED, SERVED, SERVED, SERVED])
})

test('runs what a service forwards, however many run: the service has a limit of its own', async () => {
  const { admission } = narrowAdmission()
  const { promise, resolve } = Promise.withResolvers<GatewayResponse>()
  let begun = 0
  const responses = [0, 1, 2, 3].map(() =>
    underAdmission(admission, { ...COMMAND, isForwarded: true }, () => {
      begun += 1
      return promise
    }),
  )
  expect(begun).toBe(4)
  const own = await underAdmission(admission, COMMAND, async () => SERVED)
  expect(own).toEqual(SERVED)
  resolve(SERVED)
  expect(await Promise.all(responses)).toEqual([SERVED, SERVED, SERVED, SERVED])
})

test('does not begin an operation whose client has gone while it waited', async () => {
  const { admission } = narrowAdmission()
  const { promise, resolve } = Promise.withResolvers<GatewayResponse>()
  const running = underAdmission(admission, COMMAND, () => promise)
  let isBegun = false
  const waiting = underAdmission(admission, { ...COMMAND, isAbandoned: () => true }, async () => {
    isBegun = true
    return SERVED
  })
  resolve(SERVED)
  await running
  expect(await waiting).toMatchObject({ outcome: 'refused', status: 503 })
  expect(isBegun).toBe(false)
})

test('passes on what an operation throws', async () => {
  const { admission } = narrowAdmission()
  const failing = underAdmission(admission, { ...COMMAND, kind: 'query' }, () =>
    Promise.reject(new Error('fault')),
  )
  await expect(failing).rejects.toThrow('fault')
})
