// How a supergraph is told from another, in logs and health. Pure.
import { createHash } from 'node:crypto'

/** The first twelve digits of the text's SHA-256: `sha256sum supergraph.graphql | cut -c1-12` prints the same. */
export function versionOf(sdl: string): string {
  return createHash('sha256').update(sdl).digest('hex').slice(0, 12)
}
