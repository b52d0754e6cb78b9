import { stringField } from "../../../core/field.ts";
import { defaultUserPath } from "../role.ts";

/** The fields that say whose orphans are meant, and where to look. */
export const orphanFields = {
  accessor: stringField(
    "Accessor of the mount whose users count, where it is not this one: that of a mount that was lost with its storage. " +
      "Never that of a mount that is there, here or in another installation.",
    {
      defaultText: "this mount's",
      pattern: {
        regexp: /^[a-z][a-z0-9-]*_[a-z0-9]{4,64}$/,
        words: 'the accessor of a mount, such as "aws_x3k7q2d"',
      },
    },
  ),
  user_path: stringField("IAM path to look below, in place of those of the roles.", {
    defaultText: `${defaultUserPath}, and the user_path of every role`,
    lengthMax: 512,
    pattern: {
      regexp: /^\/(?:[\x21-\x7e]+\/)?$/,
      words: 'a path that begins and ends with a slash, such as "/leasehold/"',
    },
  }),
};
