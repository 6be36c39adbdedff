/** @module Child processes that are asked and answer, one message each. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

/**
 * Starts a module of this folder. Its first message says that it is ready.
 *
 * @param {string} file
 * @param {string} argument
 * @param {readonly string[]} [execArgv]
 */
export async function start(file, argument, execArgv = []) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [argument], {
    execArgv: [...execArgv],
  })
  return { child, first: await reply(child, file) }
}

/**
 * @param {ChildProcess} child
 * @param {import('node:child_process').Serializable} message
 * @returns {Promise<any>}
 */
export function ask(child, message) {
  const answer = reply(child, 'a child process')
  child.send(message)
  return answer
}

/** @param {ChildProcess} child @param {string} name @returns {Promise<any>} */
function reply(child, name) {
  return new Promise((resolve, reject) => {
    const fail = (/** @type {number | null} */ code) =>
      reject(new Error(`${name} ended with ${code}`))
    child.once('exit', fail)
    child.once('message', (message) => {
      child.off('exit', fail)
      resolve(message)
    })
  })
}
