// A Bloom filter (Bloom 1970; double hashing after Kirsch and Mitzenmacher 2006): a set that may say yes too often, never no.

export type BloomFilter = {
  add(text: string): void
  /** Returns false only for a text that was never added. */
  mayHave(text: string): boolean
  /** Returns how many texts were added that it did not seem to have. */
  size(): number
  readonly capacity: number
  readonly bytes: number
}

type BloomFilterOptions = {
  /** The number of texts that can be added before the error rate passes `falsePositives`. */
  readonly capacity: number
  /** The accepted share of texts that were never added and seem to be there, such as 0.01. */
  readonly falsePositives: number
}

const WORD_BITS = 32

export function createBloomFilter({ capacity, falsePositives }: BloomFilterOptions): BloomFilter {
  const wanted = Math.ceil((-capacity * Math.log(falsePositives)) / Math.LN2 ** 2)
  const words = new Uint32Array(Math.max(1, Math.ceil(wanted / WORD_BITS)))
  const bits = words.length * WORD_BITS
  const hashes = Math.max(1, Math.round((bits / capacity) * Math.LN2))
  let size = 0

  /** Returns whether all bits of `text` are set; `add` sets those that are not. */
  function visit(text: string, mode: 'add' | 'look-up'): boolean {
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
      if (mode === 'look-up') return false
      words[word] = held | mask
    }
    return all
  }

  return {
    add(text) {
      if (!visit(text, 'add')) size += 1
    },
    mayHave: text => visit(text, 'look-up'),
    size: () => size,
    capacity,
    bytes: words.byteLength,
  }
}

/** FNV-1a over the characters, with the finalizer of MurmurHash3. */
function hash(text: string, seed: number): number {
  let value = seed
  for (let index = 0; index < text.length; index++)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
