// What EVENT_BUS_URL may hold, checked before anything is opened. Free of any driver.
import { OperatorError } from '#platform/domain/errors.ts'
import { parseKafkaUrl } from '#platform/event-bus/kafka-url.ts'

/** For the `superRefine` of a variable: says what is wrong with a `kafka:` URL, and takes `postgres:` ones. */
export function checkEventBusUrl(url: string, { addIssue }: { addIssue(message: string): void }): void {
  if (url.startsWith('kafka://')) {
    const problem = kafkaProblem(url)
    if (problem !== undefined) addIssue(problem)
  } else if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url))
    addIssue('should hold a URL such as postgres://… or kafka://…')
}

function kafkaProblem(url: string): string | undefined {
  try {
    parseKafkaUrl(url)
    return undefined
  } catch (error) {
    if (error instanceof OperatorError) return error.message
    throw error
  }
}
