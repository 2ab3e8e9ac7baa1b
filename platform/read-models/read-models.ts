// Declares the read models port: documents by id, indexed queries, guarded writes. Its adapters are in mongodb/ and postgres/.
import type { JsonObject } from '#platform/domain/json.ts'

export type Document = JsonObject

/**
 * A collection of documents of one shape. `version` names the shape: a new version is a new collection, filled from
 * the log beside the old one. Paths are dotted (`customer.email`) and lead to one string, number or boolean. The sort
 * order is: missing or null, numbers, strings by code point, false, true.
 */
export type CollectionDefinition<Doc extends Document> = {
  /** Lower case letters, digits and underscores. */
  readonly name: string
  readonly version: number
  /** Each is a list of paths, filtered by equality or range in that order; the document id breaks ties. */
  readonly indexes: readonly (readonly string[])[]
  /** Paths whose value changes with nearly every write: they can be filtered, and what is sorted by them is sorted anew. */
  readonly moving?: readonly string[]
  /** Paths where most documents have no value: a range of those that have one is found in an index that has no others. */
  readonly sparse?: readonly string[]
  /** Returns the words by which `matching` finds the document. They are folded by `foldWords`, and so is the query. */
  terms?(doc: Doc): readonly string[]
}

export type Filter =
  | { readonly path: string; readonly equals: string | number | boolean }
  | { readonly path: string; readonly in: readonly (string | number | boolean)[] }
  /** From `from` (included) to `to` (excluded), among values of the type of the bound. */
  | { readonly path: string; readonly from?: string | number; readonly to?: string | number }
  /** Each word of the text must begin one of the document's terms. A text without a word (symbols, an emoji) finds nothing. */
  | { readonly matching: string }

export type Query = {
  readonly where?: readonly Filter[]
  /** The id breaks ties, in the same direction. The default is by id, ascending. */
  readonly orderBy?: { readonly path: string; readonly descending?: boolean }
  /** 1 to 1,000. */
  readonly limit: number
  /**
   * The page lies past this item: a cursor of an earlier page of the same query; anything else throws CallerError
   * BAD_USER_INPUT.
   */
  readonly after?: string
  /** The page lies ahead of this item, as `after`. */
  readonly before?: string
  /**
   * True for the last `limit` documents of what the cursors leave, in place of the first. Items are in the query's order
   * either way.
   */
  readonly fromEnd?: boolean
}

export type Page<Doc> = {
  readonly items: readonly { readonly id: string; readonly doc: Doc; readonly cursor: string }[]
  /** Resolves to whether the list goes on past the page. It reads nothing, or one document when `before` bounds the page. */
  hasNext(): Promise<boolean>
  /**
   * Resolves to whether the list has anything ahead of the page. It reads nothing, or one document when `after` bounds the
   * page.
   */
  hasPrevious(): Promise<boolean>
}

/** `doc` null deletes. `position` is that of the event behind the write. */
export type GuardedWrite<Doc> = { readonly id: string; readonly doc: Doc | null; readonly position: number }

/** A document as it is stored; `doc` is null for one that was deleted. */
export type StoredDocument<Doc> = { readonly doc: Doc | null; readonly position: number }

export interface Collection<Doc extends Document> {
  get(id: string): Promise<Doc | undefined>
  getMany(ids: readonly string[]): Promise<Map<string, Doc>>
  find(query: Query): Promise<Page<Doc>>
  /** Resolves to the number of documents, or to `atMost` when there are more: it stops there. */
  count(where?: readonly Filter[], atMost?: number): Promise<number>
  /** Returns the stored documents with their positions, deleted ones included, for a projection to continue from. */
  load(ids: readonly string[]): Promise<Map<string, StoredDocument<Doc>>>
  /**
   * Each write counts only if `position` is past the stored one: applying a batch twice changes nothing. Resolves to true
   * only when every write counted.
   */
  write(writes: readonly GuardedWrite<Doc>[]): Promise<boolean>
}

export interface ReadModels extends AsyncDisposable {
  /** Opens a collection; creates it and its indexes if they do not exist. */
  collection<Doc extends Document>(definition: CollectionDefinition<Doc>): Promise<Collection<Doc>>
  /** Creates an empty collection beside the live one. `swap` replaces the live one with it, `drop` deletes it. */
  shadow<Doc extends Document>(definition: CollectionDefinition<Doc>): Promise<Shadow<Doc>>
  /** Brings what the engine knows of a collection for its queries up to date, after many writes. */
  analyze<Doc extends Document>(definition: CollectionDefinition<Doc>): Promise<void>
  /** Drops the collections of earlier versions, each after a call of `before` with its stored name. */
  dropEarlier<Doc extends Document>(
    definition: CollectionDefinition<Doc>,
    before: (name: string) => Promise<void>,
  ): Promise<void>
  /**
   * Opens a writer to several collections at once. `onLost` is called at most once, when the writer's connection ends
   * before it is disposed: what it wrote since the last durable write may be lost, and it writes no more.
   */
  writer(onLost: () => void): Promise<BatchWriter>
}

type CollectionIds = { readonly collection: Collection<Document>; readonly ids: readonly string[] }
export type CollectionWrites = {
  readonly collection: Collection<Document>
  readonly writes: readonly GuardedWrite<Document>[]
}

export interface BatchWriter extends AsyncDisposable {
  /** Loads from each collection as its `load` does. */
  load(wanted: readonly CollectionIds[]): Promise<readonly Map<string, StoredDocument<Document>>[]>
  /**
   * Writes to the collections, at most one write to a document, in their order or all at once. Resolves to true when
   * every write counted. Unless it is `durable`, a crash of the engine may lose it together with those after it; a
   * durable one makes those before it durable as well.
   */
  write(batch: readonly CollectionWrites[], options: { readonly durable: boolean }): Promise<boolean>
}

export interface Shadow<Doc extends Document> {
  readonly collection: Collection<Doc>
  swap(): Promise<void>
  drop(): Promise<void>
}
