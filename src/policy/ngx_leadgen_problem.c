
/*
 * The table of problems, as C sees it.
 */


#include "ngx_leadgen_policy.h"


const ngx_leadgen_problem_t  ngx_leadgen_problems[NGX_LEADGEN_NPROBLEMS] = {
#define PROBLEM(id, status, slug, title, detail)                              \
    { status, ngx_string(slug), ngx_string(title), ngx_string(detail) },
#include "tables/problems.def"
#undef PROBLEM
};
