/** @module Child processes that reply to each message with one message. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

/**
 * Starts a module of this folder, and waits for its first message.
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
  const response = reply(child, 'a child process')
  child.send(message)
  return response
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
