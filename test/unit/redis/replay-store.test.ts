import { redisReplayStore } from 'oauth-resource-server/redis'
import { describe, expect, it, vi } from 'vitest'

describe('redisReplayStore', () => {
  it('sends one SET NX with the lifetime in milliseconds', async () => {
    const sendCommand = vi.fn(async () => 'OK')
    await expect(redisReplayStore({ sendCommand }).claim('k', 12.3456, 'jkt')).resolves.toBe(true)
    expect(sendCommand).toHaveBeenCalledExactlyOnceWith('SET', 'dpop:k', '1', 'NX', 'PX', '12346')
  })

  it('begins its keys with the prefix, which may be empty', async () => {
    for (const prefix of ['', 'my:']) {
      const sendCommand = vi.fn(async () => 'OK')
      await redisReplayStore({ sendCommand, prefix }).claim('k', 1, 'jkt')
      expect(sendCommand).toHaveBeenCalledWith('SET', `${prefix}k`, '1', 'NX', 'PX', '1000')
    }
  })

  it('asks for a lifetime of a millisecond at least, which Redis requires', async () => {
    const sendCommand = vi.fn(async () => 'OK')
    await redisReplayStore({ sendCommand }).claim('k', 0, 'jkt')
    expect(sendCommand).toHaveBeenCalledWith('SET', 'dpop:k', '1', 'NX', 'PX', '1')
  })

  it.each([
    ['OK', true],
    [Buffer.from('OK'), true],
    [null, false],
  ])('reads the reply %j as %j', async (reply, expected) => {
    const store = redisReplayStore({ sendCommand: async () => reply })
    await expect(store.claim('k', 1, 'jkt')).resolves.toBe(expected)
  })

  it.each([undefined, 'QUEUED', 1, '', 'ok', {}, []])('rejects for the reply %j', async (reply) => {
    const store = redisReplayStore({ sendCommand: async () => reply })
    await expect(store.claim('k', 1, 'jkt')).rejects.toThrow('OK or null')
  })

  it('rejects where the command throws or rejects', async () => {
    const rejecting = redisReplayStore({ sendCommand: () => Promise.reject(new Error('OOM')) })
    await expect(rejecting.claim('k', 1, 'jkt')).rejects.toThrow('OOM')
    const throwing = redisReplayStore({
      sendCommand: () => {
        throw new Error('closed')
      },
    })
    await expect(throwing.claim('k', 1, 'jkt')).rejects.toThrow('closed')
  })

  it('is shared between processes', () => {
    expect(redisReplayStore({ sendCommand: async () => 'OK' }).local).toBeUndefined()
  })

  it.each([undefined, null, {}, { sendCommand: 'SET' }])(
    'throws for the options %j, without sendCommand',
    (options) => {
      expect(() => redisReplayStore(options as never)).toThrow(
        new TypeError('redisReplayStore takes sendCommand, a function that sends a command'),
      )
    },
  )

  it('throws for a prefix that is no string', () => {
    expect(() => redisReplayStore({ sendCommand: async () => 'OK', prefix: 1 as never })).toThrow(
      new TypeError('redisReplayStore: prefix must be a string'),
    )
  })
})
