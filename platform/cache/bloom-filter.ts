// A Bloom filter (Bloom 1970; double hashing after Kirsch and Mitzenmacher 2006): a set that may say yes too often, never no.

export type BloomFilter = {
  add(text: string): void
  /** False only for what was never added. */
  mayHave(text: string): boolean
  /** How many were added that it did not seem to have. */
  size(): number
  readonly capacity: number
  readonly bytes: number
}

export type BloomFilterOptions = {
  /** So many can be added before it errs more often than `falsePositives`. */
  readonly capacity: number
  /** The part of strangers that it takes for its own, such as 0.01. */
  readonly falsePositives: number
}

const WORD_BITS = 32

export function createBloomFilter({ capacity, falsePositives }: BloomFilterOptions): BloomFilter {
  const wanted = Math.ceil((-capacity * Math.log(falsePositives)) / Math.LN2 ** 2)
  const words = new Uint32Array(Math.max(1, Math.ceil(wanted / WORD_BITS)))
  const bits = words.length * WORD_BITS
  const hashes = Math.max(1, Math.round((bits / capacity) * Math.LN2))
  let size = 0

  /** Whether all bits of `text` are set; sets them if `write`. */
  function visit(text: string, write: boolean): boolean {
    const first = hash(text, 0x811c9dc5)
    const step = hash(text, 0x9747b28c) | 1
    let all = true
    for (let round = 0; round < hashes; round++) {
      const bit = (first + Math.imul(round, step) + round * round) >>> 0
      const index = bit % bits
      const word = Math.floor(index / WORD_BITS)
      const mask = 1 << (index % WORD_BITS)
      const held = words[word] ?? 0
      if ((held & mask) !== 0) continue
      all = false
      if (!write) return false
      words[word] = held | mask
    }
    return all
  }

  return {
    add(text) {
      if (!visit(text, true)) size += 1
    },
    mayHave: text => visit(text, false),
    size: () => size,
    capacity,
    bytes: words.byteLength,
  }
}

/** FNV-1a over the characters, finished as MurmurHash3 does. */
function hash(text: string, seed: number): number {
  let value = seed
  for (let index = 0; index < text.length; index++)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
