// Resolves operations that are named by a hash: those of a front end's manifest, and those that clients register.
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { ApolloServerOptions } from '@apollo/server'
import { GraphQLError } from 'graphql'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import { CallerError, OperatorError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'
import type { RequestContext } from '#platform/graphql/context.ts'

const manifestSchema = z.object({
  format: z.literal('apollo-persisted-query-manifest'),
  version: z.literal(1),
  operations: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      type: z.enum(['query', 'mutation', 'subscription']),
      body: z.string(),
    }),
  ),
})

/** Apollo's format of a persisted query manifest. Every id is the SHA-256 of its body, in hexadecimal. */
export type PersistedManifest = z.infer<typeof manifestSchema>

/** The part of a request that says what to run: a text, the hash of one in `extensions.persistedQuery`, or both. */
export type NamedOperation = {
  readonly query?: unknown
  readonly extensions?: unknown
}

export type PersistedOperations = {
  /**
   * Returns the text to run; '' when the request has neither text nor hash. A text that comes with its hash is registered
   * under it. Throws CallerError OPERATION_NOT_PERSISTED for what is not in the manifest where nothing else may run,
   * GraphQLError PERSISTED_QUERY_NOT_FOUND for an unknown hash (PERSISTED_QUERY_NOT_SUPPORTED where clients cannot
   * register), and CallerError BAD_USER_INPUT for a hash that is not the text's, or of another version than 1.
   */
  resolve(request: NamedOperation): string
  /** Throws the same but for unknown hashes, which `store` resolves. */
  admit(request: NamedOperation): void
  /** Returns the text to run without a check; '' when it is not known. */
  peek(request: NamedOperation): string
  readonly store: TextStore
}

type TextStore = NonNullable<
  Exclude<ApolloServerOptions<RequestContext>['persistedQueries'], false | undefined>['cache']
>

export type PersistedOptions = {
  /** No manifest when left out. */
  readonly manifest?: PersistedManifest
  /** When true, only the manifest's operations may run. */
  readonly only: boolean
  /** When true, the default, a text that comes with its hash is registered under it. */
  readonly automatic?: boolean
}

/** Bytes of registered texts; the least recently used is evicted. */
const MAX_REGISTERED = 8 * 1024 * 1024
/** The prefix that Apollo Server puts before the hash. */
const STORE_PREFIX = /^apq:/

export function createPersistedOperations({
  manifest,
  only,
  automatic = true,
}: PersistedOptions): PersistedOperations {
  const listed = new Map(manifest?.operations.map(({ id, body }) => [id, body]))
  const registered = new LRUCache<string, string>({
    maxSize: MAX_REGISTERED,
    maxEntrySize: MAX_REGISTERED / 32,
    sizeCalculation: text => 200 + 2 * text.length,
  })
  const textOf = (id: string) => listed.get(id) ?? registered.get(id)
  const register = (id: string, text: string) => {
    if (automatic && !only && !listed.has(id)) registered.set(id, text)
  }

  function admit(request: NamedOperation): ParsedRequest {
    const text = textIn(request)
    const named = hashOf(request.extensions)
    const id = text !== undefined && (only || named !== undefined) ? sha256(text) : named
    if (only && (id === undefined || !listed.has(id))) throw notPersisted()
    if (named !== undefined && named !== id)
      throw new CallerError('BAD_USER_INPUT', 'the sha256Hash of persistedQuery is not that of the query')
    return { id: named, text }
  }

  return {
    admit: request => void admit(request),
    peek: request => textIn(request) ?? textOf(sentHash(request.extensions) ?? '') ?? '',
    resolve(request) {
      const { id, text } = admit(request)
      if (id === undefined) return text ?? ''
      if (text === undefined) return textOf(id) ?? (automatic ? notFound() : notSupported())
      register(id, text)
      return text
    },
    store: {
      get: async key => textOf(key.replace(STORE_PREFIX, '')),
      set: async (key, text) => register(key.replace(STORE_PREFIX, ''), text),
      delete: async key => registered.delete(key.replace(STORE_PREFIX, '')),
    },
  }
}

type ParsedRequest = { readonly id: string | undefined; readonly text: string | undefined }

/** An empty text counts as none: some protocols demand a text. */
function textIn({ query }: NamedOperation): string | undefined {
  return typeof query === 'string' && query !== '' ? query : undefined
}

/** Throws OperatorError MANIFEST_INVALID for a file that cannot be read, or holds something else. */
export async function readManifest(file: URL): Promise<PersistedManifest> {
  try {
    const manifest = parseManifest(await readFile(file, 'utf8'))
    const wrong = manifest.operations.find(({ id, body }) => id !== sha256(body))
    if (wrong) throw new Error(`the id of ${wrong.name} is not the SHA-256 of its body`)
    return manifest
  } catch (error) {
    throw new OperatorError(
      'MANIFEST_INVALID',
      `${file.pathname} is not a manifest of persisted operations: write it with npm run persist`,
      error,
    )
  }
}

/** Returns the manifest in a file's text, with ids as they are. Throws for anything else. */
export function parseManifest(text: string): PersistedManifest {
  return manifestSchema.parse(JSON.parse(text))
}

function sentHash(extensions: unknown): string | undefined {
  const { persistedQuery } = isObject(extensions) ? extensions : {}
  return isObject(persistedQuery) && typeof persistedQuery.sha256Hash === 'string'
    ? persistedQuery.sha256Hash
    : undefined
}

function hashOf(extensions: unknown): string | undefined {
  const persisted = isObject(extensions) ? extensions.persistedQuery : undefined
  if (persisted === undefined || persisted === null) return undefined
  if (!isObject(persisted) || persisted.version !== 1 || typeof persisted.sha256Hash !== 'string')
    throw new CallerError('BAD_USER_INPUT', 'persistedQuery should be { version: 1, sha256Hash: "…" }')
  return persisted.sha256Hash
}

function sha256(text: string): string {
  return hash('sha256', text, 'hex')
}

function notPersisted(): CallerError {
  return new CallerError(
    'OPERATION_NOT_PERSISTED',
    'only persisted operations may be run here: send the hash of one that is in the manifest',
  )
}

/** Clients of the protocol send the text next. */
function notFound(): never {
  throw new GraphQLError('PersistedQueryNotFound', { extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } })
}

function notSupported(): never {
  throw new GraphQLError('PersistedQueryNotSupported', {
    extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' },
  })
}
