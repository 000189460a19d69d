// Unpacks the Chromium of @sparticuz/chromium for the browser tests: node unpack.mjs <the package's bin folder> <target>
//
// The package is made for Lambda: it brings the shared libraries and one font that a bare Debian lacks, as brotli files.
// Its own unpacking is not used: it writes to the shared /tmp, and outside of Lambda it leaves the libraries out.
// `<target>/bin/chromium` is written last, so a run that was interrupted leaves no browser behind.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { brotliDecompressSync } from "node:zlib";

const [source, target] = process.argv.slice(2).map((path) => resolve(path));
const unpacked = (name) => brotliDecompressSync(readFileSync(`${source}/${name}.br`));

mkdirSync(`${target}/bin`, { recursive: true });
writeFileSync(`${target}/chromium`, unpacked("chromium"), { mode: 0o755 });
for (const name of ["al2023.tar", "fonts.tar", "swiftshader.tar"]) {
  // A file, not a pipe: tar stops reading before the padding at the end, and the stream would fail.
  const file = `${target}/${name}`;
  writeFileSync(file, unpacked(name));
  execFileSync("tar", ["-xf", file, "-C", target, "--no-same-owner"]);
  rmSync(file);
}
// Without a configuration the renderer crashes; the package's own names only folders of Lambda.
writeFileSync(
  `${target}/fonts.local.conf`,
  `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${target}/fonts</dir><cachedir>${target}/cache</cachedir></fontconfig>
`,
);
writeFileSync(
  `${target}/bin/chromium`,
  `#!/bin/sh
export LD_LIBRARY_PATH="${target}/lib" FONTCONFIG_FILE="${target}/fonts.local.conf"
exec "${target}/chromium" "$@"
`,
  { mode: 0o755 },
);
