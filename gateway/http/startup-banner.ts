// The first lines of a gateway that a person starts: what is served, where, from which subgraphs. Pure.
import type { GatewayConfig } from '#gateway/config.ts'
import type { RunningGateway } from '#gateway/service.ts'
import { maskSecret } from '#platform/config/config.ts'

const INDENT = 12

/** For a terminal; a program reads the log line "gateway is listening". */
export function firstLines(gateway: RunningGateway, config: GatewayConfig): string {
  const { auth, development, settings } = config
  const introspects = settings.introspection ?? development
  return [
    titled('gateway', [`${gateway.url}/graphql`]),
    titled('supergraph', [gateway.supergraph]),
    titled('subgraphs', addresses(gateway.subgraphs)),
    titled('callers', [
      auth ? `by tokens of ${auth.issuer}, or anonymous` : 'all anonymous: AUTH_JWKS_URL is not set',
    ]),
    titled('schema', [
      introspects
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
