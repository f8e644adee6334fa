/** Dialogs open and close at once: while one grows, a press and its release fall on different things, and the click is lost. */
export const AT_ONCE = { transitionName: '', maskTransitionName: '' } as const;
