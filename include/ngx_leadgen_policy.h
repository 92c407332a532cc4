
/*
 * What is allowed to whom: roles, rules, the trie that finds a rule, and the
 * decision.  All of it is made while the configuration is read and const then.
 */


#ifndef _NGX_LEADGEN_POLICY_H_INCLUDED_
#define _NGX_LEADGEN_POLICY_H_INCLUDED_


#include "ngx_leadgen_io.h"


#define NGX_LEADGEN_MAX_PARAMS    8
#define NGX_LEADGEN_MAX_SEGMENTS  32
#define NGX_LEADGEN_MAX_CAPTURES  8
#define NGX_LEADGEN_CAPTURE_POINTER  128    /* bytes, of a JSON pointer */


/* --- problem: the rows of the table --- */

extern const ngx_leadgen_problem_t  ngx_leadgen_problems[NGX_LEADGEN_NPROBLEMS];


/* --- roles --- */

typedef struct {
    ngx_str_t                  name;        /* "campaign:read" */
    ngx_str_t                  category;    /* "campaign" */
    ngx_str_t                  description;
} ngx_leadgen_permission_t;

extern const ngx_leadgen_permission_t
    ngx_leadgen_permissions[NGX_LEADGEN_NPERMISSIONS];


typedef struct {
    ngx_str_t                  name;
    ngx_leadgen_permissions_t  permissions;
} ngx_leadgen_role_t;


/* ngx_leadgen_permission_e, or NGX_ERROR when there is none of that name. */
ngx_int_t ngx_leadgen_permission_find(const ngx_str_t *name);

/* All names, each behind a space, for messages. */
extern const char  ngx_leadgen_permission_names[];

/* The roles admin, manager and user: an array of ngx_leadgen_role_t; NULL. */
ngx_array_t *ngx_leadgen_roles_create(ngx_pool_t *pool);

/*
 * Adds or redefines a role from the words of a leadgen_role directive:
 * NAME [extends=ROLE] [PERMISSION...], a permission being "category:verb",
 * "category:*" or "*".  NGX_CONF_OK, or an error that is already logged.
 */
char *ngx_leadgen_roles_add(ngx_conf_t *cf, ngx_array_t *roles,
    ngx_str_t *words, ngx_uint_t nwords);

/* The role of that name, or NULL. */
const ngx_leadgen_role_t *ngx_leadgen_roles_find(const ngx_array_t *roles,
    const ngx_str_t *name);

/*
 * What a role of the configuration, or else of the database, grants.  NGX_OK,
 * or NGX_DECLINED: there is no such role, and no permission.
 */
ngx_int_t ngx_leadgen_roles_grant(const ngx_array_t *roles,
    const ngx_str_t *name, ngx_leadgen_permissions_t *permissions);

/*
 * The i-th of all roles, those of the configuration first: NGX_OK, NGX_DECLINED
 * when it is to be left out, or NGX_DONE behind the last one.  Its name may
 * change with the next turn of the event loop.
 */
ngx_int_t ngx_leadgen_roles_get(const ngx_array_t *roles, ngx_uint_t i,
    ngx_leadgen_role_t *role);


/* --- feed: the roles of the database, as PostgreSQL tells them --- */

extern const char  ngx_leadgen_feed_statement[];

/* Starts the feed of this worker, by a backend that listens to the channel
 * leadgen_roles and says when it is connected and notified. */
void ngx_leadgen_feed_start(ngx_cycle_t *cycle,
    ngx_leadgen_backend_t *backend);
void ngx_leadgen_feed_stop(void);
void ngx_leadgen_feed_connected(void);
void ngx_leadgen_feed_notified(const ngx_str_t *payload);

/* Takes the result of ngx_leadgen_feed_statement over.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_leadgen_feed_apply(ngx_leadgen_call_t *call);


/* --- rule: one line of a policy --- */

typedef enum {
    NGX_LEADGEN_METHOD_GET = 0,             /* and HEAD */
    NGX_LEADGEN_METHOD_POST,
    NGX_LEADGEN_METHOD_PUT,
    NGX_LEADGEN_METHOD_PATCH,
    NGX_LEADGEN_METHOD_DELETE,
    NGX_LEADGEN_METHOD_OPTIONS,
    NGX_LEADGEN_NMETHODS
} ngx_leadgen_method_e;

extern const ngx_str_t  ngx_leadgen_rule_names[NGX_LEADGEN_NMETHODS];


/* A field of a JSON body, for the details of the event.  Lifetime: cycle. */

typedef struct {
    ngx_str_t                  name;        /* "request:/name", as written */
    ngx_str_t                  pointer;     /* "/name" (RFC 6901) */
    ngx_uint_t                 of_response;
} ngx_leadgen_capture_t;


/* An argument of the job that a request asks for.  Lifetime: cycle. */

typedef struct {
    ngx_str_t                  name;
    ngx_str_t                  source;      /* ":id", or a capture's name */
    ngx_int_t                  param;       /* which of the path, NGX_ERROR */
} ngx_leadgen_argument_t;


/* What a rule asks for beside permissions, in the order of asking. */

typedef enum {
    NGX_LEADGEN_CONDITION_ROLE = 0,         /* role=, any of them */
    NGX_LEADGEN_CONDITION_OWN,              /* own=, a segment: the user's id */
    NGX_LEADGEN_CONDITION_IP,               /* ip=, the client's network */
    NGX_LEADGEN_NCONDITIONS
} ngx_leadgen_condition_e;


/* Lifetime: cycle. */

typedef struct {
    ngx_uint_t                 methods;     /* bits by ngx_leadgen_method_e */
    ngx_str_t                  path;        /* as written */
    ngx_array_t                params;      /* ngx_str_t: names, in order */

    ngx_leadgen_permissions_t  permissions; /* all needed; 0: none */
    ngx_str_t                  requires;    /* their names, spaces between */
    unsigned                   is_public:1;
    unsigned                   upgrade:1;   /* to a WebSocket */
    unsigned                   has_mode:1;
    unsigned                   captures_response:1;
    unsigned                   in_shadow:1; /* decides without effect */

    ngx_array_t               *roles;       /* ngx_str_t: any of them; NULL */
    ngx_uint_t                 own;         /* of params, from 1; 0: none */
    ngx_array_t               *networks;    /* ngx_cidr_t: any; NULL */
    ngx_str_t                  conditions[NGX_LEADGEN_NCONDITIONS];
                                            /* as written; empty: none */

    ngx_int_t                  action;      /* audit=, or NGX_ERROR */
    ngx_leadgen_mode_e         audit_mode;
    ngx_str_t                  resource;    /* resource= */
    ngx_array_t               *captures;    /* ngx_leadgen_capture_t; NULL */
    ngx_str_t                  task;        /* of job=; len 0: none */
    ngx_array_t               *arguments;   /* ngx_leadgen_argument_t */
    ngx_int_t                  resource_id; /* which parameter, or NGX_ERROR */

    const void                *endpoint;    /* of the module's own API */
    ngx_str_t                  file;        /* where it was configured */
    ngx_uint_t                 line;
} ngx_leadgen_rule_t;


/* Resolves the name of an action: its number, or NGX_ERROR. */
typedef ngx_int_t (*ngx_leadgen_rule_action_pt)(const ngx_str_t *name);


/*
 * Makes a rule from the words of a policy line:
 * METHOD[|METHOD...] PATH GRANT... [CONDITION...] [audit=ACTION
 * [audit_mode=MODE] [capture=request:POINTER|response:POINTER...]
 * [job=TASK(NAME=SOURCE,...)]] [resource=TYPE] [upgrade], a grant being
 * "public", "authenticated", a permission, or role=NAME[|NAME...], a condition
 * own=:NAME or ip=NETWORK[|NETWORK...].
 * NULL: an error that is already logged.
 */
ngx_leadgen_rule_t *ngx_leadgen_rule_parse(ngx_conf_t *cf, ngx_str_t *words,
    ngx_uint_t nwords, ngx_leadgen_rule_action_pt action);

/*
 * Adds the field that "request:POINTER" or "response:POINTER" names.  NGX_OK;
 * NGX_ERROR, already logged: it is no pointer, or a name as secrets have.
 */
ngx_int_t ngx_leadgen_capture_add(ngx_conf_t *cf, ngx_leadgen_rule_t *rule,
    const ngx_str_t *value);

/*
 * Sets the job of "TASK(NAME=SOURCE,...)", a source being ":segment" of the
 * path, request:POINTER or response:POINTER.  NGX_OK; NGX_ERROR, already
 * logged: there is no such task or argument, one is missing or no source.
 */
ngx_int_t ngx_leadgen_task_parse(ngx_conf_t *cf, ngx_leadgen_rule_t *rule,
    const ngx_str_t *value);

/* ngx_leadgen_method_e, or NGX_ERROR for a method no rule can name. */
ngx_int_t ngx_leadgen_rule_method(const ngx_str_t *name);

/* Writes the names of the rule's permissions down.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_leadgen_rule_names_permissions(ngx_pool_t *pool,
    ngx_leadgen_rule_t *rule);

/* Cuts the first word off a list, whose data is NULL after the last one. */
ngx_str_t ngx_leadgen_rule_word(ngx_str_t *list, u_char separator);

/* The first segments of a rule's path up to one that is not a literal. */
ngx_str_t ngx_leadgen_rule_prefix(const ngx_leadgen_rule_t *rule);


/* --- trie: finds the rule for a method and a path --- */

typedef struct ngx_leadgen_trie_s  ngx_leadgen_trie_t;


typedef struct {
    const ngx_leadgen_rule_t  *rule;        /* NULL: none matches */
    ngx_str_t                  params[NGX_LEADGEN_MAX_PARAMS];
    ngx_uint_t                 allowed;     /* methods of the path, as bits */
} ngx_leadgen_match_t;


ngx_leadgen_trie_t *ngx_leadgen_trie_create(ngx_pool_t *pool);

/*
 * Adds a rule for each of its methods.  NULL: done; else the rule that stands
 * for the same method and path already, or the new rule itself when out of
 * memory.
 */
const ngx_leadgen_rule_t *ngx_leadgen_trie_add(ngx_leadgen_trie_t *trie,
    const ngx_leadgen_rule_t *rule);

/* Closes the trie for additions and makes it fast.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_leadgen_trie_compile(ngx_leadgen_trie_t *trie);

/*
 * Finds the rule for a method and a decoded, normalised path: segment by
 * segment a literal beats a parameter, and that beats "**", which stands for
 * one or more segments.  Allocates nothing; parameters point into the path.
 */
void ngx_leadgen_trie_find(const ngx_leadgen_trie_t *trie, ngx_uint_t method,
    const ngx_str_t *path, ngx_leadgen_match_t *match);

ngx_uint_t ngx_leadgen_trie_count(const ngx_leadgen_trie_t *trie);


/* --- condition --- */

/*
 * Adds the condition that a word of a policy line is, after the rule's path.
 * NGX_OK, NGX_DECLINED when it is none, or NGX_ERROR, which is logged.
 */
ngx_int_t ngx_leadgen_condition_parse(ngx_conf_t *cf, ngx_leadgen_rule_t *rule,
    const ngx_str_t *word);

/*
 * The first condition (ngx_leadgen_condition_e) that does not hold for the
 * principal, at the client's address, or NGX_ERROR: all do.  Of a public rule
 * the principal is not looked at.
 */
ngx_int_t ngx_leadgen_condition_failed(const ngx_leadgen_match_t *match,
    const ngx_leadgen_principal_t *principal, struct sockaddr *client);

/* Whether a list of names, as role= has it, names a role. */
ngx_uint_t ngx_leadgen_condition_has_role(const ngx_array_t *roles,
    const ngx_str_t *name);


/* --- decide --- */

/*
 * Whether the rule that was found lets the principal (NULL: nobody) through
 * from the client's address.  The answer is NGX_LEADGEN_PROBLEM_NONE or the
 * reason why not.
 */
ngx_leadgen_problem_e ngx_leadgen_decide(const ngx_leadgen_match_t *match,
    const ngx_leadgen_principal_t *principal, struct sockaddr *client);

/*
 * The role with the fewest permissions of those that the rule asks for and that
 * have what it needs; its name is empty when there is none, or any will do.
 */
ngx_leadgen_role_t ngx_leadgen_decide_smallest(const ngx_array_t *roles,
    const ngx_leadgen_rule_t *rule);

/* The first permission that the rule needs and the principal lacks, or
 * NGX_ERROR when there is none. */
ngx_int_t ngx_leadgen_decide_missing(const ngx_leadgen_rule_t *rule,
    const ngx_leadgen_principal_t *principal);


#endif /* _NGX_LEADGEN_POLICY_H_INCLUDED_ */
