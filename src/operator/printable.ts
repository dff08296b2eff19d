/** Ids, notes and errors come from outside: what steers a terminal, or turns the direction of a text, is spelled out. */
const steering = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A text that is safe to print, on one line. Of JSON, the same value. */
export const printable = (text: string): string =>
  text.replace(steering, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
