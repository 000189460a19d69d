import { fileAddress } from "./addresses";
import type { Attachment } from "./wire";

/** Types that the server serves inline; the browser saves all others. */
const SHOWN = /^(application\/pdf|image\/(png|jpeg|gif|webp))$/;

/**
 * Open a file at the address that `request` resolves to; null after a failure. The tab opens before the request,
 * because browsers block one that opens long after the click. A file to save needs no tab.
 */
export async function openFile(file: Attachment, request: () => Promise<string | null>): Promise<void> {
  const tab = SHOWN.test(file.mime_type) ? window.open("", "_blank") : null;
  if (tab) tab.opener = null;
  const address = fileAddress(await request());
  if (!address) {
    tab?.close();
  } else if (tab) {
    tab.location.replace(address);
  } else {
    const link = document.createElement("a");
    Object.assign(link, { href: address, download: file.name, rel: "noopener noreferrer" });
    link.click();
  }
}
