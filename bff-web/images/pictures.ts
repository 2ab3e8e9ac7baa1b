// Lists the pictures of the sample catalogue, from the folder beside this file.
import { hash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { LRUCache } from 'lru-cache'

/** `version` is a digest of the bytes. */
type Picture = { readonly bytes: Buffer; readonly version: string }

type Pictures = {
  /** Resolves to undefined for a name that is not in the folder. */
  read(name: string): Promise<Picture | undefined>
}

const FOLDER = new URL('./pictures/', import.meta.url)
const NAME = /^[a-z0-9-]+\.svg$/
/** The most bytes that are kept in memory; what does not fit is read again. */
const MAX_KEPT = 4 * 1024 * 1024

/** Lists the folder once. No path is ever made of a name that is not in that list. */
export function openPictures(): Pictures {
  const names = new Set(readdirSync(FOLDER).filter(name => NAME.test(name)))
  const kept = new LRUCache<string, Picture>({
    maxSize: MAX_KEPT,
    sizeCalculation: ({ bytes }) => bytes.length + 1,
    fetchMethod: name => readPicture(name),
  })
  return { read: async name => (names.has(name) ? await kept.fetch(name) : undefined) }
}

/** Returns the path at which the web BFF serves a picture, with its version: at that path it never changes. */
export async function picturePath(name: string): Promise<string> {
  return `/images/${name}?v=${(await readPicture(name)).version}`
}

async function readPicture(name: string): Promise<Picture> {
  const bytes = await readFile(new URL(name, FOLDER))
  return { bytes, version: hash('sha256', bytes, 'hex').slice(0, 16) }
}
