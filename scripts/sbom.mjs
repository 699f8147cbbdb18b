// Prints a CycloneDX document so that the same parts give the same bytes:
//
//   node scripts/sbom.mjs FOLDER FILE
//
// without the number that is drawn for each document, with the time of the commit (SOURCE_DATE_EPOCH)
// in the place of now, and with the FOLDER in which it was made called /lastseat.
import { readFile } from "node:fs/promises";

const [folder, file] = process.argv.slice(2);
const epoch = Number(process.env.SOURCE_DATE_EPOCH);
if (!folder || !file || !Number.isInteger(epoch)) {
  throw new Error("use: SOURCE_DATE_EPOCH=... node scripts/sbom.mjs FOLDER FILE");
}
const text = (await readFile(file, "utf8")).replaceAll(folder, "/lastseat");
const document = JSON.parse(text);
if (document.bomFormat !== "CycloneDX" || !document.components?.length) {
  throw new Error(`${file} is no CycloneDX document with components`);
}
delete document.serialNumber;
document.metadata.timestamp = new Date(epoch * 1000).toISOString();
console.log(JSON.stringify(document, null, 2));
