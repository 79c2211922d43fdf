#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * What every target defines: parse @len bytes that anybody may have sent. It must return 0, leak
 * nothing, and touch no byte outside @data[0..len-1]; abort() tells of a broken invariant.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
