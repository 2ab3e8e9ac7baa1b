// Histograms for events that happen many thousand times a second: an observation costs two additions, text is made when it is read.

/** Observes a duration for one set of labels. */
export type Observe = (seconds: number) => void

export type Durations<Label extends string> = {
  /** Returns the observer of a set of labels. Each set is kept for good, so there must be few. */
  of(labels: Readonly<Record<Label, string>>): Observe
  /** Returns the Prometheus text format; '' before the first observation. */
  text(): string
}

type Series = { readonly labels: string; readonly counts: Float64Array; sum: number }

/** `buckets` are upper bounds in seconds, lowest first. */
export function createDurations<const Label extends string>(
  name: string,
  help: string,
  buckets: readonly number[],
): Durations<Label> {
  const all = new Map<string, { readonly series: Series; readonly observe: Observe }>()
  return {
    of(labels) {
      const written = writeLabels(labels)
      const known = all.get(written)
      if (known) return known.observe
      const series: Series = { labels: written, counts: new Float64Array(buckets.length + 1), sum: 0 }
      const observe: Observe = seconds => {
        const { counts } = series
        let bucket = 0
        while (bucket < buckets.length && seconds > (buckets[bucket] ?? 0)) bucket++
        counts[bucket] = (counts[bucket] ?? 0) + 1
        series.sum += seconds
      }
      all.set(written, { series, observe })
      return observe
    },
    text() {
      if (all.size === 0) return ''
      const lines = [...all.values()].flatMap(({ series }) => writeSeries(name, series, buckets))
      return [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`, ...lines, ''].join('\n')
    },
  }
}

function writeLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}="${value.replace(/[\\\n"]/g, escaped)}"`)
    .join(',')
}

function escaped(character: string): string {
  return character === '\n' ? '\\n' : `\\${character}`
}

function writeSeries(name: string, { labels, counts, sum }: Series, buckets: readonly number[]): string[] {
  let total = 0
  const lines = [...counts].map((count, index) => {
    total += count
    return `${name}_bucket{le="${buckets[index] ?? '+Inf'}"${labels && `,${labels}`}} ${total}`
  })
  const braced = labels && `{${labels}}`
  return [...lines, `${name}_sum${braced} ${sum}`, `${name}_count${braced} ${total}`]
}
