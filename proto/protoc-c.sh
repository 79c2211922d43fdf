#!/bin/sh
# protoc-c.sh PROTOC-C SOURCE-ROOT BUILD-ROOT NAME: make NAME.pb-c.[ch] of NAME.proto.
# Its initialisers cast const away, and are expanded in our files: written so that -Wcast-qual,
# an error there, lets it pass.
set -e
"$1" --proto_path="$2" --c_out="$3" "$2/$4.proto"
sed -i 's/(char \*)protobuf_c_empty_string/(char *)(uintptr_t)protobuf_c_empty_string/g' "$3/$4.pb-c.h"
