/** linux/notifier.h and the keyboard events of linux/keyboard.h. */

/** What a notifier callback answers. */
export const NOTIFY = {
  NOTIFY_DONE: 0,
  NOTIFY_OK: 1,
  NOTIFY_STOP_MASK: 32768,
  NOTIFY_STOP: 32769,
  NOTIFY_BAD: 32770,
} as const;

/** Stages of a keyboard event. */
export const KBD = {
  KBD_KEYCODE: 1,
  KBD_UNBOUND_KEYCODE: 2,
  KBD_UNICODE: 3,
  KBD_KEYSYM: 4,
  KBD_POST_KEYSYM: 5,
} as const;
