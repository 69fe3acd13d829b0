/** Pages hold no data: whoever reaches the gateway may read them. What they show, their modules ask the API for. */
export const anyone = { actors: ['anon', 'board', 'agent_key', 'run'] } as const
