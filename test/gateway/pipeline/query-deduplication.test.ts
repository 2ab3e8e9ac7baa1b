import { OperationTypeNode } from 'graphql'
import { expect, test } from 'vitest'
import type { PreparedOperation } from '#gateway/operations/prepared-operation.ts'
import { type ExecutionResult, executeOperation } from '#gateway/pipeline/execute.ts'
import { createQueryDeduplication } from '#gateway/pipeline/query-deduplication.ts'
import { emptyMetadata } from '#gateway/pipeline/response-metadata.ts'

function operation(given: Partial<PreparedOperation> = {}): PreparedOperation {
  return {
    name: undefined,
    kind: OperationTypeNode.QUERY,
    run() {},
    write: () => '{}',
    source: undefined,
    coerce: variables => ({ variables }),
    introspect: undefined,
    unauthorized: undefined,
    estimate: () => {
      throw new Error('nobody asks what it costs')
    },
    ...given,
  }
}

/** Creates executions that wait until the test lets them finish. */
function held() {
  const { deduplicate } = createQueryDeduplication()
  const runs: PromiseWithResolvers<ExecutionResult>[] = []
  const ask = (query: Partial<Parameters<typeof deduplicate>[0]> & { prepared: PreparedOperation }) => {
    const notes = emptyMetadata()
    const answer = deduplicate({ variables: {}, forwarded: '', ...query }, notes, async own => {
      own.reached.orders = 7
      own.stale.add('shipping')
      const run = Promise.withResolvers<ExecutionResult>()
      runs.push(run)
      return run.promise
    })
    return { answer, notes }
  }
  return { runs, ask }
}

const DONE: ExecutionResult = { text: '{"data":{}}', errors: [] }

test('concurrent equal queries share one execution, and each gets what the execution recorded', async () => {
  const { runs, ask } = held()
  const prepared = operation()
  const asked = [ask({ prepared }), ask({ prepared }), ask({ prepared })]
  expect(runs).toHaveLength(1)
  runs[0]?.resolve(DONE)
  for (const { answer, notes } of asked) {
    expect(await answer).toBe(DONE)
    expect(notes).toEqual({ reached: { orders: 7 }, stale: new Set(['shipping']) })
  }
})

test('a query that arrives after the execution has ended is executed again', async () => {
  const { runs, ask } = held()
  const prepared = operation()
  const first = ask({ prepared }).answer
  runs[0]?.resolve(DONE)
  await first
  void ask({ prepared })
  expect(runs).toHaveLength(2)
})

test('queries that differ in operation, variables or forwarded headers do not share an execution', () => {
  const { runs, ask } = held()
  const prepared = operation()
  void ask({ prepared })
  void ask({ prepared: operation() })
  void ask({ prepared, variables: { id: 1 } })
  void ask({ prepared, forwarded: 'another caller' })
  expect(runs).toHaveLength(4)
})

test('a failed execution fails for all queries that wait for it, and the next one runs again', async () => {
  const { runs, ask } = held()
  const prepared = operation()
  const asked = [ask({ prepared }), ask({ prepared })]
  runs[0]?.reject(new Error('broken'))
  for (const { answer } of asked) await expect(answer).rejects.toThrow('broken')
  void ask({ prepared })
  expect(runs).toHaveLength(2)
})

test('each query that shares an execution gets errors with its own request id', async () => {
  const { deduplicate } = createQueryDeduplication()
  const { promise: go, resolve } = Promise.withResolvers<void>()
  const prepared = operation({
    run: async ({ errors }) => {
      await go
      errors.push({ message: 'down', path: ['a'], extensions: {} })
    },
  })
  const ask = (requestId: string) =>
    executeOperation(
      { prepare: () => prepared, mostUsed: () => [] },
      {
        query: '{ a }',
        operationName: undefined,
        variables: {},
        queriesOnly: false,
        fetch: async () => ({}),
        deduplicate: (query, run) =>
          deduplicate({ ...query, forwarded: '' }, emptyMetadata(), () => run(async () => ({}))),
      },
      ({ message }) => ({ message, extensions: { requestId } }),
    )
  const asked = [ask('one'), ask('two')]
  resolve()
  const [one, two] = await Promise.all(asked)
  expect(one?.text).toBe('{"data":{},"errors":[{"message":"down","extensions":{"requestId":"one"}}]}')
  expect(two?.text).toBe('{"data":{},"errors":[{"message":"down","extensions":{"requestId":"two"}}]}')
})

test('mutations never share an execution', async () => {
  const prepared = operation({ kind: OperationTypeNode.MUTATION })
  const { text } = await executeOperation(
    { prepare: () => prepared, mostUsed: () => [] },
    {
      query: 'mutation { a }',
      operationName: undefined,
      variables: {},
      queriesOnly: false,
      fetch: async () => ({}),
      deduplicate: () => {
        throw new Error('it was shared')
      },
    },
    ({ message }) => ({ message }),
  )
  expect(text).toBe('{"data":{}}')
})
