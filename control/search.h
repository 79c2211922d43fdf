#pragma once

/* Finding people by what their login names, the words of their names, and their numbers begin with. */

#include "control/request.h"

request_fn search_request; /* SearchRequest -> SearchPage */
