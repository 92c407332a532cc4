
/*
 * The vocabulary every layer shares: permissions, problems, actions and the
 * nouns that flow through a request.  Values only; no function is declared
 * here.
 */


#ifndef _NGX_LEADGEN_H_INCLUDED_
#define _NGX_LEADGEN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_LEADGEN_VERSION     "0.1.0"

#define NGX_LEADGEN_UUID_SIZE   16
#define NGX_LEADGEN_CAPTURED    2048    /* bytes, of fields of bodies */
#define NGX_LEADGEN_UUID_TEXT   36      /* 8-4-4-4-12, without a zero byte */


typedef enum {
#define PERMISSION(id, name, category, text)  NGX_LEADGEN_##id,
#include "tables/permissions.def"
#undef PERMISSION
    NGX_LEADGEN_NPERMISSIONS
} ngx_leadgen_permission_e;


typedef enum {
#define PROBLEM(id, status, slug, title, detail)  NGX_LEADGEN_PROBLEM_##id,
#include "tables/problems.def"
#undef PROBLEM
    NGX_LEADGEN_NPROBLEMS
} ngx_leadgen_problem_e;


typedef enum {
#define ACTION(id, name, scope, resource, text)  NGX_LEADGEN_ACTION_##id,
#include "tables/actions.def"
#undef ACTION
    NGX_LEADGEN_NACTIONS
} ngx_leadgen_action_e;


typedef uint64_t  ngx_leadgen_permissions_t;

/* a 65th permission is a compile error, not a silent truncation */
typedef char  ngx_leadgen_permissions_fit[NGX_LEADGEN_NPERMISSIONS <= 64
                                          ? 1 : -1];

#define ngx_leadgen_permission_bit(p)  ((ngx_leadgen_permissions_t) 1 << (p))


/* Why not: row 0 of the table is "no problem", all others refuse. */

typedef struct {
    ngx_uint_t                 status;      /* HTTP status code */
    ngx_str_t                  slug;
    ngx_str_t                  title;
    ngx_str_t                  detail;
} ngx_leadgen_problem_t;


/* Who: what a verified credential says.  Strings belong to its maker's pool. */

typedef struct {
    int64_t                    user_id;     /* 0: nobody */
    ngx_str_t                  email;
    ngx_str_t                  role;
    ngx_leadgen_permissions_t  permissions;
    u_char                     session[NGX_LEADGEN_UUID_SIZE];
    time_t                     issued;      /* seconds since 1970, 0: unknown */
    time_t                     expires;
    time_t                     resolved;    /* of another issuer: as of when
                                             * the database knows the user; 0:
                                             * it was not asked */
    unsigned                   has_role:1;  /* one that is known here */
    unsigned                   is_ours:1;   /* of an issuer whose tokens
                                             * this gateway signs */
    unsigned                   is_plain:1;  /* its texts go into headers as
                                             * they are; 0: not looked at */
    const char                *wrong;       /* of nobody's token; NULL: nothing
                                             * is said */
} ngx_leadgen_principal_t;


/* What happened: one row of audit_logs.  An empty string is stored as NULL. */

typedef enum {
    NGX_LEADGEN_EVENT_USER_EMAIL = 0,
    NGX_LEADGEN_EVENT_ROLE,
    NGX_LEADGEN_EVENT_RESOURCE_TYPE,
    NGX_LEADGEN_EVENT_RESOURCE_ID,
    NGX_LEADGEN_EVENT_METHOD,
    NGX_LEADGEN_EVENT_PATH,
    NGX_LEADGEN_EVENT_IP_ADDRESS,
    NGX_LEADGEN_EVENT_USER_AGENT,
    NGX_LEADGEN_EVENT_ERROR,
    NGX_LEADGEN_EVENT_CAPTURED,             /* a JSON object */
    NGX_LEADGEN_EVENT_ROUTE,            /* the rule's path, with its names */
    NGX_LEADGEN_EVENT_REQUIRES,         /* permissions, with spaces between */
    NGX_LEADGEN_EVENT_PERMISSION,       /* the first one that is missing */
    NGX_LEADGEN_EVENT_CONDITION,        /* the one that does not hold */
    NGX_LEADGEN_EVENT_SHADOW,           /* what a shadow policy would do */
    NGX_LEADGEN_EVENT_SHADOW_ROUTE,
    NGX_LEADGEN_EVENT_NTEXTS
} ngx_leadgen_event_text_e;


typedef enum {
    NGX_LEADGEN_OUTCOME_UNKNOWN = 0,
    NGX_LEADGEN_OUTCOME_SUCCESS,
    NGX_LEADGEN_OUTCOME_FAILURE
} ngx_leadgen_outcome_e;


/* What becomes of a request whose event the spool can't take. */

typedef enum {
    NGX_LEADGEN_MODE_STRICT = 0,            /* it is not served */
    NGX_LEADGEN_MODE_NORMAL,                /* served without an event */
    NGX_LEADGEN_MODE_BEST_EFFORT            /* the same, and sooner */
} ngx_leadgen_mode_e;


typedef struct {
    u_char                     id[NGX_LEADGEN_UUID_SIZE];
    uint64_t                   time;        /* microseconds since 1970, UTC */
    int64_t                    user_id;     /* 0: nobody */
    uint32_t                   duration;    /* microseconds */
    uint16_t                   status;      /* HTTP status, 0: no answer yet */
    uint8_t                    action;      /* ngx_leadgen_action_e */
    uint8_t                    outcome;     /* ngx_leadgen_outcome_e */
    uint8_t                    truncated;   /* more was known than is told */
    ngx_str_t                  text[NGX_LEADGEN_EVENT_NTEXTS];
} ngx_leadgen_event_t;


#endif /* _NGX_LEADGEN_H_INCLUDED_ */
