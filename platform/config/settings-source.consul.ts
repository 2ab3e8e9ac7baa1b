// Live settings in a key of Consul's store, watched by a blocking query.
import type { SettingsSource } from '#platform/config/settings-source.ts'
import { type ConsulResponse, openConsul, persistentDenial, watchConsul } from '#platform/consul/consul.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { waitForDependency } from '#platform/resilience/startup-wait.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type ConsulSourceOptions = {
  /** The value of CONFIG_URL: `consul://host:port/path/of/the/key`, with `?dc=` for another data centre. */
  readonly url: string
  readonly token?: string | undefined
  readonly logger: Logger
  readonly startTimeoutMs: number
}

/** Throws OperatorError SETTINGS_INVALID for a URL without a key. */
export function openConsulSource({
  url,
  token,
  logger,
  startTimeoutMs,
}: ConsulSourceOptions): SettingsSource {
  const key = decodeURIComponent(new URL(url).pathname.slice(1))
  if (key === '')
    throw new OperatorError('SETTINGS_INVALID', 'CONFIG_URL names Consul and no key: consul://host:port/KEY')
  const consul = openConsul({ url, token, variable: 'CONFIG_URL' })
  const from = `the key ${key} of Consul at ${consul.address}, which CONFIG_URL names,`
  const request = {
    path: `/v1/kv/${key.split('/').map(encodeURIComponent).join('/')}`,
    query: { raw: 'true' },
  }
  const stop = new AbortController()
  let watching: Promise<void> | undefined
  function textOf({ status, text }: ConsulResponse): string {
    if (status === 200) return text
    throw new OperatorError(
      'SETTINGS_INVALID',
      `${from} does not exist: put a JSON object there, {} for nothing`,
    )
  }
  return {
    from,
    async read() {
      const what = `Consul at ${consul.address}, which CONFIG_URL names`
      const wait = { logger, what, startTimeoutMs, isFinal: persistentDenial() }
      return textOf(await waitForDependency(() => consul.send(request), wait))
    },
    watch(onText, onError) {
      watching = watchConsul(consul, {
        request,
        signal: stop.signal,
        onResponse: response => onText(textOf(response)),
        onError,
      })
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await watching
      await consul[Symbol.asyncDispose]()
    },
  }
}
