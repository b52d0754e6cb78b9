import type { DescEnum, DescExtension, DescField, DescFile, DescMessage } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { FieldDescriptorProto_Label as Label } from "@bufbuild/protobuf/wkt";

const indent = (text: string): string => text.replace(/^(?=.)/gm, "  ");

const scalarName = (scalar: ScalarType | undefined): string =>
  String(ScalarType[scalar ?? ScalarType.STRING]).toLowerCase();

function typeName(field: DescField | DescExtension): string {
  if (field.message) return `.${field.message.typeName}`;
  if (field.enum) return `.${field.enum.typeName}`;
  if (field.scalar === undefined) throw new Error("A field is neither a scalar, an enum nor a message.");
  return scalarName(field.scalar);
}

function printField(field: DescField | DescExtension, insideOneof = false): string {
  if (field.fieldKind === "map") {
    const value = field.message?.typeName ?? field.enum?.typeName ?? scalarName(field.scalar);
    return `map<${scalarName(field.mapKey)}, ${value}> ${field.name} = ${field.number};\n`;
  }
  const label = field.proto.label === Label.REPEATED ? "repeated " : insideOneof ? "" : "optional ";
  return `${label}${typeName(field)} ${field.name} = ${field.number};\n`;
}

function printEnum(desc: DescEnum): string {
  const alias = desc.proto.options?.allowAlias ? "option allow_alias = true;\n" : "";
  const values = desc.values.map((value) => `${value.name} = ${value.number};\n`).join("");
  return `enum ${desc.name} {\n${indent(alias + values)}}\n`;
}

function printMessage(desc: DescMessage): string {
  const members = desc.members.map((member) =>
    member.kind === "oneof"
      ? `oneof ${member.name} {\n${indent(member.fields.map((f) => printField(f, true)).join(""))}}\n`
      : printField(member),
  );
  const ranges = desc.proto.extensionRange.map(
    ({ start, end }) => `extensions ${start} to ${(end ?? 0) > 536_870_911 ? "max" : (end ?? 0) - 1};\n`,
  );
  const nested = [...desc.nestedEnums.map(printEnum), ...desc.nestedMessages.map(printMessage)];
  return `message ${desc.name} {\n${indent([...members, ...ranges, ...nested].join(""))}}\n`;
}

/**
 * Prints the declarations of a proto2 file as source text, without comments,
 * and without the options of its elements: enough for other files to import it.
 */
export function printProto(file: DescFile): string {
  const imports = file.dependencies.map((dependency) => `import "${dependency.name}.proto";\n`).join("");
  const extensions = file.extensions.map(
    (extension) => `extend .${extension.extendee.typeName} {\n${indent(printField(extension))}}\n`,
  );
  const body = [...file.enums.map(printEnum), ...file.messages.map(printMessage), ...extensions];
  return `syntax = "proto2";\n\npackage ${file.proto.package};\n\n${imports}\n${body.join("\n")}`;
}
