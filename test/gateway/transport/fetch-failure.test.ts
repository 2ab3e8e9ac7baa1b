import { describe, expect, test } from 'vitest'
import { PRODUCTION_MASKING } from '#gateway/transport/error-masking.ts'
import { fetchErrors } from '#gateway/transport/fetch-failure.ts'
import { CallerError } from '#platform/domain/errors.ts'

const entities = (...types: string[]) => ({
  representations: types.map((__typename, id) => ({ __typename, id })),
})
const pathsOf = (query: string, variables?: Readonly<Record<string, unknown>>) =>
  fetchErrors({ name: 'reviews', query, variables }, new Error('socket hang up'), PRODUCTION_MASKING).map(
    ({ path }) => path,
  )

describe('a failed fetch is reported', () => {
  test('at each root field, by its response name', () => {
    expect(pathsOf('query Q { newest { id } mine: reviews { id } __typename }')).toEqual([
      ['newest'],
      ['mine'],
    ])
  })

  test('at each field that is selected on the type of each entity', () => {
    const query = `query Q($representations: [_Any!]!) {
      _entities(representations: $representations) {
        ... on Book { __typename stars best: quotes(first: 1) }
        ...Film
      }
    }
    fragment Film on Film { rating }`
    expect(pathsOf(query, entities('Book', 'Film'))).toEqual([
      ['_entities', 0, 'stars'],
      ['_entities', 0, 'best'],
      ['_entities', 1, 'rating'],
    ])
  })

  test('at the entity itself when its fields are selected on an interface', () => {
    const query =
      'query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on Media { stars } } }'
    expect(pathsOf(query, entities('Book'))).toEqual([['_entities', 0]])
  })

  test('at each field of each place when one request fetches entities for several places', () => {
    const query = `query ($__batch_reps_0: [_Any!]!, $__batch_reps_1: [_Any!]!) {
      _e0: _entities(representations: $__batch_reps_0) { ... on Book { stars } }
      _e1: _entities(representations: $__batch_reps_1) { ... on Film { rating cast } }
    }`
    const variables = {
      __batch_reps_0: [{ __typename: 'Book' }, { __typename: 'Book' }],
      __batch_reps_1: [{ __typename: 'Film' }],
    }
    expect(pathsOf(query, variables)).toEqual([
      ['_e0', 0, 'stars'],
      ['_e0', 1, 'stars'],
      ['_e1', 0, 'rating'],
      ['_e1', 0, 'cast'],
    ])
  })

  test('at fifty places at most', () => {
    const query =
      'query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on Book { stars quotes } } }'
    expect(pathsOf(query, entities(...Array<string>(1000).fill('Book')))).toHaveLength(50)
  })

  const FETCH = { name: 'reviews', query: '{ newest }', variables: {} }
  const NAMED = { messages: 'known', subgraphs: true } as const

  test('with the code and details of a known failure', () => {
    const cause = new CallerError('UNAVAILABLE', 'reviews is failing', { reason: 'CIRCUIT_OPEN' })
    const extensions = { code: 'UNAVAILABLE', reason: 'CIRCUIT_OPEN' }
    expect(fetchErrors(FETCH, cause, NAMED)).toEqual([
      { message: 'reviews is failing', path: ['newest'], extensions: expect.objectContaining(extensions) },
    ])
    expect(fetchErrors(FETCH, cause, PRODUCTION_MASKING)).toEqual([
      { message: expect.not.stringContaining('reviews'), path: ['newest'], extensions },
    ])
  })

  test('without the message of an unknown error', () => {
    const [named] = fetchErrors(FETCH, new Error('10.0.0.7'), NAMED)
    expect(named?.message).toBe('reviews is not available at the moment: try again')
    const [discreet] = fetchErrors(FETCH, new Error('10.0.0.7'), PRODUCTION_MASKING)
    expect(discreet).toEqual({
      message: 'A service behind this graph is not available at the moment: try again.',
      path: ['newest'],
      extensions: { code: 'UNAVAILABLE' },
    })
  })
})
