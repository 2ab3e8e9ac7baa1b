// Writes the banner that a person sees when the gateway starts: its URL, the supergraph and the subgraphs.
import { maskSecret } from '#platform/config/config.ts'

const INDENT = 12

export type StartupBanner = {
  readonly url: string
  /** Where the supergraph is from. */
  readonly supergraph: string
  /** Each subgraph's address by its name. */
  readonly subgraphs: ReadonlyMap<string, string>
  /** The issuer whose tokens are accepted; undefined where all callers are anonymous. */
  readonly issuer: string | undefined
  readonly introspection: boolean
}

/** For a terminal; a program reads the log line "gateway is listening". */
export function startupBanner({ issuer, introspection, ...gateway }: StartupBanner): string {
  return [
    titled('gateway', [`${gateway.url}/graphql`]),
    titled('supergraph', [gateway.supergraph]),
    titled('subgraphs', addresses(gateway.subgraphs)),
    titled('callers', [
      issuer ? `by tokens of ${issuer}, or anonymous` : 'all anonymous: AUTH_JWKS_URL is not set',
    ]),
    titled('schema', [
      introspection
        ? 'shown to clients that ask for it'
        : 'not shown to clients: NODE_ENV=development shows it',
    ]),
    titled('health', [`${gateway.url}/health/ready, metrics at ${gateway.url}/metrics`]),
    '',
    'Try it:',
    '',
    `  curl -s ${gateway.url}/graphql -H 'content-type: application/json' -d '{"query":"{ __typename }"}'`,
    '',
  ].join('\n')
}

function titled(title: string, [first, ...rest]: readonly string[]): string {
  return [title.padEnd(INDENT) + first, ...rest.map(line => ' '.repeat(INDENT) + line)].join('\n')
}

function addresses(subgraphs: ReadonlyMap<string, string>): string[] {
  const width = Math.max(...[...subgraphs.keys()].map(name => name.length)) + 2
  return [...subgraphs].map(([name, url]) => name.padEnd(width) + maskSecret('', url))
}
