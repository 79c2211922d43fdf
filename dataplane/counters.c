#include "dataplane/counters.h"

#define VERDICT CHQ_COUNTER_VERDICT
#define BESIDE	CHQ_COUNTER_BESIDE

const char *const chq_counter_name[CHQ_C__COUNT] = {
#define X(id, name, kind, text) [id] = name,
	CHQ_COUNTERS(X)
#undef X
};

const char *const chq_counter_text[CHQ_C__COUNT] = {
#define X(id, name, kind, text) [id] = text,
	CHQ_COUNTERS(X)
#undef X
};

const uint8_t chq_counter_kind[CHQ_C__COUNT] = {
#define X(id, name, kind, text) [id] = kind,
	CHQ_COUNTERS(X)
#undef X
};
