from .failure_descent import descend_failure
from .work_descent import cheapest_sizes, cheapest_student, descend_work, without_late

__all__ = ["cheapest_sizes", "cheapest_student", "descend_failure", "descend_work", "without_late"]
