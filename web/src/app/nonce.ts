/** The nonce under which the page's policy admits style elements. Browsers show it to scripts only. */
export function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.nonce ?? '';
}
