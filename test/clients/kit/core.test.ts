import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { codegen } from '@graphql-codegen/core'
import * as typescript from '@graphql-codegen/typescript'
import { buildSchema, introspectionFromSchema, parse } from 'graphql'
import { afterEach, describe, expect, expectTypeOf, test, vi } from 'vitest'
import { codegenScalars, relayScalars, smallSchema } from '#clients/kit/src/codegen.ts'
import {
  authorizedFetch,
  createSender,
  createTokens,
  type Decimal,
  formatMoney,
  HttpFault,
  isAbout,
  isDecimal,
  isPending,
  isRefusal,
  outcomeOf,
} from '#clients/kit/src/core/index.ts'
import { readPage } from '#test/docs/pages.ts'

type Order = { readonly id: string }
type Result =
  | { readonly __typename: 'OrderAccepted'; readonly order: Order }
  | { readonly __typename: 'OrderPending'; readonly order: Order }
  | {
      readonly __typename: 'OutOfStock'
      readonly code: string
      readonly message: string
      readonly left: number
    }
  | { readonly __typename: 'InvalidInput'; readonly code: string; readonly message: string }

const order = { id: 'ord_1' }
const results = {
  done: { __typename: 'OrderAccepted', order },
  pending: { __typename: 'OrderPending', order },
  refused: { __typename: 'OutOfStock', code: 'OUT_OF_STOCK', message: 'Sold out.', left: 1 },
} as const satisfies Record<string, Result>

describe('a result', () => {
  test('is told apart, and its type is narrowed', () => {
    const found: Result[] = Object.values(results)
    expect(found.map(isRefusal)).toEqual([false, false, true])
    expect(found.map(isPending)).toEqual([false, true, false])
    expect(found.map(result => outcomeOf(result).kind)).toEqual(['done', 'pending', 'refused'])
    for (const result of found) {
      const outcome = outcomeOf(result)
      if (outcome.kind === 'done') expectTypeOf(outcome.value.__typename).toEqualTypeOf<'OrderAccepted'>()
      if (outcome.kind === 'pending') expectTypeOf(outcome.value.__typename).toEqualTypeOf<'OrderPending'>()
      if (outcome.kind === 'refused')
        expectTypeOf(outcome.refusal.__typename).toEqualTypeOf<'OutOfStock' | 'InvalidInput'>()
    }
  })

  test('is about the part of the input that its path leads to', () => {
    const refusal = { code: 'BAD_USER_INPUT', message: 'No.', path: ['input', 'lines', '0', 'sku'] }
    expect(isAbout(refusal, 'input', 'lines', 0)).toBe(true)
    expect(isAbout(refusal, 'input', 'lines', 1)).toBe(false)
    expect(isAbout({ ...refusal, path: null }, 'input')).toBe(false)
  })
})

describe('a scalar', () => {
  test('is mapped to a type of the kit by code generation', async () => {
    const text = await codegen({
      filename: 'types.ts',
      schema: parse(readPage('schema/bff-web.graphql')),
      documents: [],
      config: { scalars: codegenScalars },
      plugins: [{ typescript: {} }],
      pluginMap: { typescript },
    })
    for (const name of Object.keys(codegenScalars))
      expect(text).toMatch(new RegExp(`import \\{[^}]*\\b${name}\\b[^}]*\\} from '@waybill/kit'`))
    expect(Object.keys(relayScalars)).toEqual(Object.keys(codegenScalars))
  })

  test('of money is checked and shown without ever being a float', () => {
    expect(['19.99', '-1', '1e5', '1,5', '', ' 1'].map(isDecimal)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ])
    expect(formatMoney({ amount: '9007199254740993.25', currency: 'EUR' }, 'en')).toBe(
      '€9,007,199,254,740,993.25',
    )
    // @ts-expect-error a float is no Decimal
    const amount: Decimal = 12.1
    expect(amount).toBe(12.1)
  })
})

test('the small schema has what caches ask for, in a fraction of the size', () => {
  const whole = introspectionFromSchema(buildSchema(readPage('schema/bff-web.graphql')))
  const small = smallSchema(whole)
  expect(JSON.stringify(small).length).toBeLessThan(JSON.stringify(whole).length / 3)
  const members = (name: string) => {
    const type = small.__schema.types.find(type => type.name === name)
    return type && 'possibleTypes' in type ? type.possibleTypes?.map(member => member.name) : undefined
  }
  expect(members('Refusal')).toContain('OutOfStock')
  expect(members('CheckoutResult')).toContain('OrderPending')
})

describe('a token', () => {
  afterEach(() => vi.useRealTimers())

  /** A token that is issued at `now` by an issuer whose clock is `skewMs` ahead, and lives for `lifeS`. */
  function tokenOf(name: string, lifeS: number, skewMs = 0): string {
    const iat = Math.floor((Date.now() + skewMs) / 1000)
    return `h.${Buffer.from(JSON.stringify({ name, iat, exp: iat + lifeS })).toString('base64url')}.s`
  }

  test('is fetched once for all who ask, and again before it expires', async () => {
    vi.useFakeTimers()
    let count = 0
    const tokens = createTokens({ fetchToken: async () => tokenOf(`t${++count}`, 300) })
    const [first, second] = await Promise.all([tokens.get(), tokens.get()])
    expect(first).toBe(second)
    vi.advanceTimersByTime(239_000)
    expect(await tokens.get()).toBe(first)
    vi.advanceTimersByTime(2_000)
    expect(await tokens.get()).not.toBe(first)
    expect(count).toBe(2)
  })

  test('lives as long as it says, although the clock of the device is wrong', async () => {
    vi.useFakeTimers()
    let count = 0
    const tokens = createTokens({
      fetchToken: async () => tokenOf(`t${++count}`, 300, -7_200_000),
    })
    const first = await tokens.get()
    expect(await tokens.get()).toBe(first)
  })

  test('is used until it expires when a new one cannot be had', async () => {
    vi.useFakeTimers()
    const token = tokenOf('only', 300)
    const tokens = createTokens({ token, fetchToken: () => Promise.reject(new Error('offline')) })
    vi.advanceTimersByTime(250_000)
    expect(await tokens.get()).toBe(token)
    vi.advanceTimersByTime(60_000)
    await expect(tokens.get()).rejects.toThrow('offline')
  })

  test('of someone who signed out does not come back with a refresh that was under way', async () => {
    const refresh = Promise.withResolvers<string>()
    const tokens = createTokens({ fetchToken: () => refresh.promise })
    const asked = tokens.get()
    tokens.clear()
    refresh.resolve('old')
    await asked
    expect(tokens.renewsInMs()).toBe(0)
  })

  test('that the server refuses is renewed once for many requests, which are then sent again', async () => {
    let accepted = 'one'
    await using server = await serve(request =>
      request.headers.authorization === `Bearer ${accepted}` ? 200 : 401,
    )
    let refreshes = 0
    const tokens = createTokens({
      token: 'one',
      fetchToken: async () => {
        refreshes += 1
        return accepted
      },
    })
    const send = createSender({ url: server.url, fetch: authorizedFetch(tokens) })
    expect(await send({ query: '{ a }' })).toEqual({ data: { a: 1 } })
    accepted = 'two'
    const answers = await Promise.all(Array.from({ length: 8 }, () => send({ query: '{ a }' })))
    expect(answers).toEqual(Array(8).fill({ data: { a: 1 } }))
    expect(refreshes).toBe(1)
  })
})

test('a response that is none of GraphQL is a fault, with the time to wait', async () => {
  await using server = await serve(() => 503)
  const fault = await createSender({ url: server.url })({ query: '{ a }' }).catch(error => error)
  expect(fault).toBeInstanceOf(HttpFault)
  expect(fault).toMatchObject({ status: 503, retryAfterMs: 2000 })
})

async function serve(
  statusFor: (request: { readonly headers: { readonly authorization?: string | undefined } }) => number,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    const status = statusFor(request)
    request.resume().on('end', () => {
      response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '2' })
      response.end(status === 200 ? '{"data":{"a":1}}' : '"no"')
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/graphql`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
